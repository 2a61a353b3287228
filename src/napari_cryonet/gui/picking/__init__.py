"""The parts of the Picking dock: its data, the filter, the review, and the layers they show."""
