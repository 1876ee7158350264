"""What is concluded from values: performance, drift, gate, alerts, fitness. Pure: no paths, no clock, no store."""
