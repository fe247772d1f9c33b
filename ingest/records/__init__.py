"""Posts as rows: what files, recorded streams and webhooks share. Rows come in any of three formats, Posts go out."""
