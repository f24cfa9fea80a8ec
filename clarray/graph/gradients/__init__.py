"""Derivatives: walks back and forward over a graph, batched ones, and what says how a gradient passes."""
