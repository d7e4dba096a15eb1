"""Driving a subject: requests in ordinary and hostile ways, recorded as evidence."""
