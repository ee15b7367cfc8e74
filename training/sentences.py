"""Sentences without any of the ten keywords and what sounds like them alone; training hears pieces of them as `_unknown_`.

None is among those that training/listening.py measures with.
"""

SENTENCES = tuple(line.strip() for line in """
    please bring a clean towel and some soap
    my cousin collects stamps from every country
    five students waited behind the library
    the captain asked for a map of the coast
    we might have time for another game
    happy children ran along the wall
    the museum opens after lunch today
    I like strong black tea with milk
    the kitchen light was blue and yellow
    two cats slept beside the fire
    kind people helped us carry the boxes
    she wrote a letter to her aunt in Rome
    a hundred and fifty miles further west
    he said hello and walked away
    the coffee pot is nearly empty
    my father drives a very old lorry
    how many eggs are in the fridge
    we met by the harbour at nine
    the cup fell and broke into pieces
    the nurse gave him something for the pain
    it costs about three pounds a kilo
    they live in a small house by the sea
    a dog was barking all night long
    would you mind closing the window
    we walked through the forest to the lake
    the baker sells bread and honey
    someone has taken my bicycle
    which colour do you like best
    her voice was quiet and friendly
    the weather will be fine this afternoon
    I think he was a teacher or a doctor
    the last bus leaves at half past seven
    our garden is full of apples
    the radio was playing loud music
    he put the money into his pocket
    six green bottles hang behind the door
    that film was far too long for me
    the river is wide and very deep
    my sister studies law in Dublin
    the guests arrived shortly before eight
    can we talk about this tomorrow
    he bought a ticket for the evening train
    the mountain was hidden in clouds
    they laughed and danced for hours
    you should try the chocolate cake
    a thin cat watched the birds
    the farmer has forty sheep and a horse
    nobody knew what had happened
    the pilot thanked the passengers
    turn the page and read the second chapter
    I would rather wait in the car
    the market is closed in winter
    his shirt was white with silver buttons
    she always wears a funny hat
    the machine makes a strange noise
    do you have change for a coin
    one of us has to stay with the baby
    the battery of my telephone is empty
    the lawyer asked him the same question again
    a warm wind came from the south
    """.strip().splitlines())
