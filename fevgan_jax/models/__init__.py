"""Model families: one module each, with a Generator and a Discriminator."""
