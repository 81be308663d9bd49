"""Labels: what is scanned on a site when a supplier's own code is missing, spoilt or says too little; and what marks a zone."""
