"""When a loop's source is looked at; the looking itself is a job of training's."""
