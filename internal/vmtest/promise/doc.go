// Package promise is a test that runs in every guest of the VM matrix: it
// looks for each feature that the guest's row promises, so that a skip may be
// believed and a promise is not mere words.
package promise
