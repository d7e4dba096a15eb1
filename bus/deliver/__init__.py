"""The delivery room: take from the broker, keep the order, send, judge, record, acknowledge."""
