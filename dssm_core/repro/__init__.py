"""Repro cases: errors kept as tests of the next model."""
