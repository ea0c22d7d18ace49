"""Samples, judges, learns, reports; used through its command, imported by no other room."""
