# placeholder until the build part lands
