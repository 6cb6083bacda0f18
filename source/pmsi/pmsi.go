// Package pmsi reads the fixed-width files of the PMSI MCO that a hospital
// makes and receives.
package pmsi
