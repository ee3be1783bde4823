"""Measurements of the product against what stands below it, as ratios of one interleaved run. Nothing here can fail for slowness."""
