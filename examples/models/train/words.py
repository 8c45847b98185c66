"""Words that facts are made of."""

FIRST = (
    "Ada Alan Alma Amos Anna Arlo Basil Bela Boris Carla Cora Cyrus Dario Della Edgar Elsa Emil Enid Ezra Fanny Felix "
    "Flora Gemma Greta Hanna Hugo Ida Igor Iris Ivan Jonas Joyce Julia Karl Kira Lars Leila Leon Lydia Magda Marco Mira "
    "Nadia Nils Nora Olga Oscar Otto Paula Petra Quinn Ralph Rita Rosa Rufus Selma Simon Stella Tara Theo Ulric Vera "
    "Viktor Wanda Wilma Xenia Yuri Zelda Zora"
).split()

LAST = (
    "Abbott Archer Baker Barlow Becker Bishop Brandt Carver Chandler Cooper Dalton Decker Draper Ellis Falk Fisher "
    "Fletcher Forster Gardner Glover Granger Harper Hooper Hunter Jansen Keller Lambert Larsen Mason Mercer Miller Moreau "
    "Norris Novak Osborn Palmer Parker Perrin Porter Quill Ramsey Reeves Ritter Sawyer Shepard Sterling Tanner Thatcher "
    "Turner Vance Wagner Walker Weaver Winter Wright Yates Young Zimmer"
).split()

CITIES = (
    "Amsterdam Antwerp Athens Bangkok Barcelona Bergen Berlin Bogota Boston Bristol Cairo Calcutta Chicago Copenhagen "
    "Dakar Damascus Delhi Dublin Geneva Genoa Ghent Glasgow Hamburg Hanoi Havana Helsinki Istanbul Jakarta Kyoto Lagos "
    "Lima Lisbon London Madrid Manila Marseille Melbourne Milan Montreal Moscow Munich Nairobi Naples Nice Osaka Oslo "
    "Oxford Palermo Paris Porto Prague Quebec Reykjavik Riga Rome Rotterdam Salzburg Seoul Seville Shanghai Singapore "
    "Sofia Stockholm Sydney Tallinn Tokyo Toronto Trieste Tunis Turin Utrecht Valencia Venice Vienna Vilnius Warsaw York "
    "Zagreb Zurich"
).split()

OBJECTS = (
    "amber ring|brass key|silver watch|leather notebook|wooden flute|glass lantern|ivory comb|copper kettle|velvet cloak|"
    "marble statue|golden compass|paper map|iron chest|crystal vase|stone tablet|red umbrella|blue teapot|green bottle|"
    "black piano|white sail|old violin|small drum|torn letter|rusty sword|painted mask|silk scarf|clay jar|oak barrel|"
    "pearl necklace|tin soldier"
).split("|")

PLACES = (
    "attic cellar barn library chapel garden kitchen stable tower harbour bakery museum station theatre workshop "
    "lighthouse orchard tunnel warehouse observatory greenhouse ballroom dungeon schoolhouse windmill boathouse courtyard "
    "hallway vault pantry"
).split()

FOODS = (
    "apples|barley soup|black bread|cherry pie|cheese|chestnuts|cinnamon buns|dates|figs|ginger cake|grapes|honey|"
    "lemon tart|mushrooms|olives|onion soup|oranges|pancakes|peaches|pears|pickles|plums|potatoes|pumpkin|raisins|"
    "roast duck|rice|salmon|spinach|walnuts"
).split("|")

JOBS = (
    "astronomer baker blacksmith botanist carpenter clockmaker composer dentist diver engraver farmer geologist glazier "
    "journalist judge librarian locksmith mason mechanic nurse painter pilot plumber poet printer sailor sculptor surgeon "
    "tailor translator"
).split()

THINGS = (
    "code|password|serial number|account number|phone extension|locker number|ticket number|room key code"
).split("|")

ADJECTIVES = "secret special hidden private official old new final".split()
