"""What a run will do, need and take, worked out before it starts and shown."""
