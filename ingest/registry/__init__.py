"""The sites, zones and devices that ingest knows, what is kept ready of each, and what happens when their files change."""
