"""message.py produce|consume NAME: passes a message through a System V queue, a
POSIX queue and a file in /dev/shm, all of that name. The producer keeps them until
its standard input ends. The consumer prints a line for each: what arrived, or why
nothing did."""

import ctypes, os, sys

libc = ctypes.CDLL("libc.so.6", use_errno=True)
rt = ctypes.CDLL("librt.so.1", use_errno=True)
IPC_CREAT, IPC_RMID, IPC_NOWAIT = 0o1000, 0, 0o4000
role, name = sys.argv[1:]
key, shm = int(name), "/dev/shm/" + name
posix = b"/" + name.encode()


class SystemV(ctypes.Structure):
    _fields_ = [("type", ctypes.c_long), ("text", ctypes.c_char * 64)]


class Attributes(ctypes.Structure):
    _fields_ = [("fields", ctypes.c_long * 8)]


def call(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def produce():
    queue = call(libc.msgget(key, IPC_CREAT | 0o666))
    try:
        call(libc.msgsnd(queue, ctypes.byref(SystemV(1, b"by System V")), ctypes.c_size_t(64), 0))
        size = Attributes((ctypes.c_long * 8)(0, 4, 64))  # four messages of 64 bytes
        other = rt.mq_open(posix, os.O_CREAT | os.O_WRONLY, 0o666, ctypes.byref(size))
        if other >= 0:  # without /dev/mqueue on the host, its queues may be out of reach
            call(rt.mq_send(other, b"by POSIX", ctypes.c_size_t(8), 0))
        with open(shm, "w") as f:
            f.write("by shared memory")
        print("sent", flush=True)
        sys.stdin.read()
    finally:  # what is in the host's namespace would stay
        libc.msgctl(queue, IPC_RMID, None)
        rt.mq_unlink(posix)
        if os.path.exists(shm):
            os.unlink(shm)


def systemv():
    message = SystemV()
    call(libc.msgrcv(call(libc.msgget(key, 0)), ctypes.byref(message), ctypes.c_size_t(64), ctypes.c_long(0), IPC_NOWAIT))
    return message.text.decode()


def posixqueue():
    text = ctypes.create_string_buffer(64)
    call(rt.mq_receive(call(rt.mq_open(posix, os.O_RDONLY | os.O_NONBLOCK)), text, ctypes.c_size_t(64), None))
    return text.value.decode()


def consume():
    for receive in systemv, posixqueue, lambda: open(shm).read():
        try:
            print(receive())
        except OSError as e:
            print("nothing:", e.strerror)


{"produce": produce, "consume": consume}[role]()
