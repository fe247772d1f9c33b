"""What programs may ask for under /api/v1, the probes and the webhooks."""
