"""Side-by-side benchmarks: ours, peers and floors in one run. Ratios count; seconds on shared machines do not."""
