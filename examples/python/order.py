"""Signs in, places an order, and prints it with what its buyer is told: order.py [host:port]"""

import sys
from uuid import uuid4

import grpc

from meshwork.commerce.order.v1 import order_pb2, order_pb2_grpc
from meshwork.platform.notification.v1 import notification_pb2, notification_pb2_grpc
from meshwork.platform.user.v1 import session_pb2, session_pb2_grpc

gateway = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:7300"
seconds = 10


def main(channel: grpc.Channel) -> None:
    sessions = session_pb2_grpc.SessionServiceStub(channel)
    orders = order_pb2_grpc.OrderServiceStub(channel)
    notifications = notification_pb2_grpc.NotificationServiceStub(channel)

    credentials = session_pb2.AuthenticateRequest(
        request_id=str(uuid4()),
        email="ada@meshwork.example",
        password="shopping-story-2026",
    )
    tokens = sessions.Authenticate(credentials, timeout=seconds).tokens
    as_ada = [("authorization", f"Bearer {tokens.access_token}")]

    told = notifications.StreamNotifications(
        notification_pb2.StreamNotificationsRequest(), metadata=as_ada, timeout=seconds
    )
    next(told)  # The first answer says that the stream is open.

    request = order_pb2.CreateOrderRequest(
        request_id=str(uuid4()),
        lines=[{"sku": "TEA-LOTUS-100-G", "quantity": 2}],
        payment_token="tok_visa",
        shipping_address={
            "recipient": "Ada Lovelace",
            "lines": ["12 St James Square"],
            "city": "London",
            "postal_code": "SW1Y 4JH",
            "country_code": "GB",
        },
    )
    order = orders.CreateOrder(request, metadata=as_ada, timeout=seconds).order
    print(order)
    # Whoever lost the answer sends the same request again, and gets the same order.
    assert orders.CreateOrder(request, metadata=as_ada, timeout=seconds).order == order

    for notification in next(told).notifications:
        print(f"{notification.title}: {notification.body}")
    told.cancel()


try:
    with grpc.insecure_channel(gateway) as channel:
        main(channel)
except grpc.RpcError as error:
    raise SystemExit(f"{gateway}: {error.code().name} {error.details()}")
