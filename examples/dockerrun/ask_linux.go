package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// running are the names of the containers that answer.
func running(dir string) (names []string, answers []answer, err error) {
	sockets, err := filepath.Glob(filepath.Join(dir, "*.sock"))
	for _, s := range sockets {
		name := strings.TrimSuffix(filepath.Base(s), ".sock")
		if a, err := question(dir, name, request{Verb: "ps"}); err == nil {
			names, answers = append(names, name), append(answers, a)
		}
	}
	return names, answers, err
}

func listContainers(dir string, _ []string) error {
	names, answers, err := running(dir)
	fmt.Printf("%-20s %-8s %s\n", "NAME", "PID", "COMMAND")
	for i, a := range answers {
		fmt.Printf("%-20s %-8d %s\n", names[i], a.PID, strings.Join(a.Command, " "))
	}
	return err
}

// showStats prints a line for each container, once, as docker stats
// --no-stream does. CPU use is the difference of two looks.
func showStats(dir string, args []string) error {
	names := slices.DeleteFunc(args, func(a string) bool { return a == "--no-stream" })
	if len(names) == 0 {
		var err error
		if names, _, err = running(dir); err != nil {
			return err
		}
	}
	var looks [2][]sample
	for i := range looks {
		if i > 0 {
			time.Sleep(statsInterval)
		}
		for _, name := range names {
			a, err := question(dir, name, request{Verb: "stats"})
			if err != nil {
				return err
			}
			looks[i] = append(looks[i], a.Stats)
		}
	}
	var rows [][]string
	for i, name := range names {
		rows = append(rows, statsRow(name, looks[0][i], looks[1][i]))
	}
	printStats(os.Stdout, rows)
	return nil
}

func showInspected(dir string, args []string) error {
	format := ""
	if len(args) > 1 && slices.Contains([]string{"-f", "--format"}, args[0]) {
		format, args = args[1], args[2:]
	}
	if len(args) == 0 {
		return errors.New(usage)
	}
	var described []json.RawMessage
	for _, name := range args {
		a, err := question(dir, name, request{Verb: "inspect"})
		if err != nil {
			return err
		}
		described = append(described, a.Inspect)
	}
	return printInspected(os.Stdout, format, described)
}

func showLogs(dir string, names []string) error {
	if len(names) == 0 {
		return errors.New(usage)
	}
	for _, name := range names {
		f, err := os.Open(logPath(dir, name))
		if err != nil {
			return err
		}
		_, err = io.Copy(os.Stdout, f)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func stopContainers(dir string, names []string) error {
	if len(names) == 0 {
		return errors.New(usage)
	}
	for _, name := range names {
		if _, err := question(dir, name, request{Verb: "stop"}); err != nil {
			return err
		}
		fmt.Println(name)
	}
	return nil
}
