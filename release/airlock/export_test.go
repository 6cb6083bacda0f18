package airlock

// OnStep calls f when a step of a command is reached.
func (a *Airlock) OnStep(f func(name string)) { a.step = f }

// Differ is differ.
var Differ = differ
