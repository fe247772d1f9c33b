"""Many machines: the same pipeline list between Kafka topics, with Elasticsearch as the memory of its folds."""
