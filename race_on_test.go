//go:build race

package sandbox_test

// raceDetector says that everything is several times slower.
const raceDetector = true
