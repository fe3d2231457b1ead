package cgroup

// Range of cpu.weight and io.weight.
const (
	minWeight = 1
	maxWeight = 10000
)

// WeightFromShares converts CPU shares (2 to 262144, 1024 by default) to a v2
// cpu.weight (1 to 10000, 100 by default): shares * 100 / 1024, to the nearest
// whole number, held within the range.
//
// This is the scale on which the kernel itself compares the two, so that one
// number of shares means the same on v1 and on v2, and groups with 1024 and
// 512 shares run 2 to 1 on both. What the range costs: below 11 shares the
// smallest weight is used, above 102400 the largest. Some programs bend the
// scale to use the full range instead; then 1024 and 512 are 100 and 59.
func WeightFromShares(shares uint64) uint64 {
	if shares >= maxShares {
		return maxWeight
	}
	return min(max((shares*100+512)/1024, minWeight), maxWeight)
}

// ioWeightFromBlkio maps Docker's 10..1000 linearly to 1..10000.
func ioWeightFromBlkio(weight uint16) uint64 {
	w := min(max(uint64(weight), minIOWeight), maxIOWeight)
	return minWeight + (w-minIOWeight)*(maxWeight-minWeight)/(maxIOWeight-minIOWeight)
}
