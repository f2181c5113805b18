"""Work on site without a network: the technician's folder of work orders and of results that wait for a network."""
