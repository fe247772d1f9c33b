"""From mentions to the right person: rules, incidents, routes, notifiers and the delivery loop."""
