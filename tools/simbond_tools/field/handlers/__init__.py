"""Kinds of URL that pyserial finds here (serial.protocol_handler_packages) rather than among its own."""
