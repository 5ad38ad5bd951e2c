package main

import "fmt"

type startCmd struct{}

func (c *startCmd) Run(a *app) error {
	client, err := a.prepare()
	if err != nil {
		return &hinted{err, "compile-cache doctor checks what a daemon needs"}
	}
	defer client.Close()
	st, err := client.Ping()
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "daemon %d serves %s\n", st.PID, a.place.Dir)
	fmt.Fprintf(a.stdout, "shims are in %s\n", a.shims())
	return nil
}
