"""Deliveries."""

from farhand_server.model.runbook import Delivery
from farhand_wire.v1 import delivery_pb2

_DELIVERIES: dict[Delivery, delivery_pb2.Delivery] = {
    Delivery.AT_MOST_ONCE: delivery_pb2.DELIVERY_AT_MOST_ONCE,
    Delivery.AT_LEAST_ONCE: delivery_pb2.DELIVERY_AT_LEAST_ONCE,
}
_MODEL_DELIVERIES = {wire: delivery for delivery, wire in _DELIVERIES.items()}


def wire(delivery: Delivery | None) -> delivery_pb2.Delivery:
    """None is unspecified."""
    return _DELIVERIES[delivery] if delivery else delivery_pb2.DELIVERY_UNSPECIFIED


def model(delivery: delivery_pb2.Delivery) -> Delivery | None:
    """Unspecified is None."""
    return _MODEL_DELIVERIES.get(delivery)
