package sandbox_test

import (
	"fmt"

	"github.com/seed-d1379373/sandbox"
)

// The whole command line of docker run, what is no option included.
func ExampleParseDockerArgs() {
	args, err := sandbox.ParseDockerArgs([]string{
		"--rm", "-e", "MODE=test", "-w", "/tmp", "--memory", "256m", "-u", "nobody", "image", "sort", "-n",
	}, sandbox.DockerHost{})
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := sandbox.New(args.Options...)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Config().Memory>>20, s.Config().User)
	fmt.Println(args.Env, args.Workdir, args.Args)

	_, err = sandbox.ParseDockerArgs([]string{"--gpus", "all"}, sandbox.DockerHost{})
	fmt.Println(err != nil)
	// Output:
	// 256 nobody
	// [MODE=test] /tmp [image sort -n]
	// true
}
