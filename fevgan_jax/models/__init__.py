"""Model families: one module each, with a Generator and mostly a Discriminator."""
