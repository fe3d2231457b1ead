// exit is the program that every measured start runs: static, without a C
// library, and over at once, so that the start itself is measured.

void _start(void)
{
#if defined(__x86_64__)
	__asm__ volatile("syscall" : : "a"(231), "D"(0) : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long number __asm__("x8") = 94, status __asm__("x0") = 0;
	__asm__ volatile("svc 0" : : "r"(number), "r"(status) : "memory");
#else
#error "exit_group for this architecture"
#endif
	__builtin_unreachable();
}
