package oracle_test

import (
	"testing"

	"galien/engine/enginetest"
)

// Every part of the model changes some answer of the oracle's.
func TestEffects(t *testing.T) {
	enginetest.Effects(t, enginetest.Oracle(t), enginetest.Parts())
}
