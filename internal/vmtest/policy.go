package vmtest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const categories = 1024 // as distributions have

// policy compiles the guests' SELinux policy.
func (c *Cache) policy(ctx context.Context) (string, error) {
	source, err := guestFiles.ReadFile("guest/policy.cil")
	if err != nil {
		return "", err
	}
	source = append(source, categoryList(categories)...)
	key := sha256.Sum256(source)
	dir, err := c.build(fmt.Sprintf("policy-%x", key[:4]), func(tmp string) error {
		if err := c.need(ctx, "secilc"); err != nil {
			return err
		}
		cil := filepath.Join(tmp, "policy.cil")
		if err := os.WriteFile(cil, source, 0o644); err != nil {
			return err
		}
		return c.run(ctx, "secilc", "-M", "true", "-c", "33", "-f", os.DevNull, "-o", filepath.Join(tmp, "policy.33"), cil)
	})
	return filepath.Join(dir, "policy.33"), err
}

// categoryList declares the categories c0 to cN-1 of the only sensitivity.
func categoryList(n int) string {
	var declared, order strings.Builder
	for i := range n {
		fmt.Fprintf(&declared, "(category c%d)\n", i)
		fmt.Fprintf(&order, " c%d", i)
	}
	return fmt.Sprintf("%s(categoryorder (%s))\n(sensitivitycategory s0 (range c0 c%d))\n", declared.String(), order.String()[1:], n-1)
}
