"""Models that every instance has: classical, nothing learned, no torch. They prove the way that learned ones take."""
