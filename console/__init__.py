"""The HTTP side: probes, metrics, the reading API and webhooks. It knows the domain and nobody else."""
