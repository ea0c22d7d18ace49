"""Evaluations: asked by a protocol, sampled or read, judged, reported, compared and exported."""
