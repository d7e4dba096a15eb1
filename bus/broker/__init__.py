"""The broker room: the conveyor between the journal and the delivery; losing it loses nothing."""
