"""Classes for objects that have an outline: cells, nuclei, eggs. Learned from a version, without torch."""
