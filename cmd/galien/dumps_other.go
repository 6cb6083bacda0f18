//go:build !linux

package main

func markUndumpable() {}
