"""The operators' console: pages and their JSON twins on the read side of the journal, behind rights and an audit."""
