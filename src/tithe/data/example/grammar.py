"""What people write to Wren Bikes, a bike-sharing service that does not exist: the sentences of the bundled example.

In a sentence `[a|b|]` is one of several wordings (the last one here is empty) and `{place}` a filler from `SLOTS`. An
`Intent` is a class: `share` of all messages; `asks` say what the writer wants, the common ones first; `asides` mention
the same subject in passing, inside messages that want something else; `rides` tells whether it is about one ride.
`TWINS` are sentences in which one word decides.
"""

# ruff: noqa: E501  a sentence stays on its line

from __future__ import annotations

from typing import NamedTuple


class Intent(NamedTuple):
    """One class of messages."""

    share: float
    asks: tuple[str, ...]
    asides: tuple[str, ...]
    rides: bool = True


SLOTS: dict[str, tuple[str, ...]] = {
    "place": (
        "Mill Lane", "the main station", "Harbour Square", "the old brewery", "Oak Street", "the university library",
        "St Anne's", "the swimming pool", "Queens Road", "the market hall", "Riverside", "the hospital", "Fern Hill",
        "the tram depot", "North Bridge", "Castle Gate", "the town hall", "Elm Park", "the ferry", "Tanner Street",
    ),
    "when": (
        "this morning", "last night", "yesterday", "on Tuesday", "on Sunday", "just now", "an hour ago", "today",
        "last week", "on Friday evening", "around 8", "at half past six", "at lunchtime", "two days ago", "on the 3rd",
    ),
    "day": ("yesterday", "last night", "Tuesday", "last week", "Sunday", "this morning", "the 3rd", "Friday evening"),
    "thebike": ("bike {number}", "the bike", "the e-bike", "the cargo bike", "bike no. {number}", "my rental"),
    "number": ("1184", "2071", "356", "4410", "907", "3322", "5168", "2749", "618", "1530", "4093", "775"),
    "money": ("£2.50", "£4", "£18", "6 pounds", "£1.80", "£35", "twelve pounds", "£9.60", "£60", "20 quid", "£7.20"),
    "part": (
        "front brake", "back brake", "chain", "saddle", "left pedal", "bell", "rear light", "basket", "gear shifter",
        "front tyre", "mudguard", "handlebar", "kickstand", "back wheel", "seat post", "motor",
    ),
    "broken": (
        "is broken", "is loose", "has come off", "is bent", "makes an awful noise", "doesn't do anything", "is gone",
        "keeps slipping", "is hanging off", "is in a bad way", "is [completely |]worn out", "rattles like mad",
    ),
    "thing": (
        "my umbrella", "a blue rucksack", "my gloves", "my daughter's helmet", "a library book", "my reading glasses",
        "a grey scarf", "my phone", "my keys", "a bag of shopping", "my wallet", "a child's jacket", "my laptop bag",
    ),
    "pass": (
        "monthly pass", "year pass", "day pass", "student pass", "pass", "subscription", "weekend ticket",
        "family plan", "membership", "commuter plan",
    ),
    "friend": ("my husband", "a friend", "my son", "my flatmate", "my colleague", "my mother", "a visitor"),
    "device": ("phone", "new phone", "iPhone", "old Android", "tablet"),
    "minutes": ("ten minutes", "20 min", "almost an hour", "five minutes", "half an hour", "three quarters of an hour"),
}  # fmt: skip

INTENTS: dict[str, Intent] = {
    "billing": Intent(
        0.30,
        (
            "[Why was I|How come I was|Can you tell me why I was] [charged|billed] {money} for [a ten minute ride|one short trip|a ride round the block|{minutes} on a bike]?",
            "I [was|have been|got] charged twice for [the same ride|my trip {when}|one journey].",
            "There is a payment of {money} on my [bank statement|card] that I [can't explain|don't recognise|never agreed to].",
            "[Please|Could you|Can you] refund the {money} [you took {when}|from {day}|for the ride that never started].",
            "I'd like my money back for [the trip {when}|a bike I could not use|the last ride].",
            "[Where can I find|Please send me|I need] [a receipt|an invoice|a bill] for [my rides in March|the trip {when}|last month].",
            "My [employer|boss|accountant] wants [an invoice|a receipt with VAT], [where do I get one|can you send one]?",
            "The price [shown|in the app] was {money} but you took {money}.",
            "You still [owe me|have not paid back] {money}.",
            "[How long does a refund take|When does a refund arrive|How many days until I see the refund]?",
            "[What is|What's] this [extra fee|penalty|surcharge] of {money} [about|for]?",
            "I should not have to pay for [{minutes} I spent looking for a free dock|a ride on a bike with no chain|a bike that would not open].",
            "The meter [kept running|went on] after I [had locked up|parked properly], please correct the amount.",
            "My [card|payment] was [declined|refused] although there is [plenty of|enough] money on it.",
            "Can I [pay with PayPal|pay in cash|use a prepaid card|pay by direct debit]?",
            "I want to [dispute|question] the [fine|out of zone fee|late fee] from {day}.",
            "{money} for that? [That can't be right.|Please explain.|Surely a mistake.]",
            "The voucher [code|] [was not applied|didn't count], I paid the full [price|amount].",
            "[Please|Kindly] cancel the [charge|fee] of {money}, [the ride lasted one minute|I never left the station|I did not ride].",
            "You [debited|took] the money for my [pass|subscription] [twice|two times] this month.",
            "The discount for [students|pass holders] is missing from my [last bill|invoice].",
            "Still waiting for the {money} you promised [me|] [last week|on Monday|two weeks ago].",
            "I [did the maths|looked at the tariff] and it comes to {money}, not {money}.",
            "Is the deposit of {money} [given back|returned] at some point?",
            "How do I [change|replace|update] the [credit card|bank details] you charge?",
        ),
        (
            "I was charged {money} for that ride, which is fine",
            "the {money} came back to my card {when}, thanks for that",
            "the bill was correct this time",
            "[I don't mind|never mind] the {money} fee",
            "you already refunded the last trip",
        ),
    ),
    "return": Intent(
        0.19,
        (
            "I [can't|cannot|am unable to] end my [ride|trip|rental].",
            "The [ride|trip|rental] is still running although I [parked|returned|brought back] {thebike} {when}.",
            "{thebike} is [back at|locked at|standing at] {place} but the app [says|thinks] I am still riding.",
            "The lock [won't|will not|doesn't] [close|shut|snap in|engage].",
            "I pushed {thebike} into the dock [three times|again and again] and the light [stays red|never turned green].",
            "[How|Where] do I [give back|return|hand in] {thebike}?",
            "Is it ok to [leave|park|drop] {thebike} [outside the zone|in front of my house|at {place}, where there is no dock]?",
            "The app asks for a [photo of the parked bike|picture], but the camera [stays black|won't open], so I cannot finish.",
            "I forgot to [lock|check in|sign off] {thebike} {when}, [what now|what should I do]?",
            "My [battery|phone] died [during the ride|on the way] and I could not [end it|stop the trip].",
            "[Please|Could you] [end|stop|close] my [ride|rental] [for me|from your side|manually], {thebike} is at {place}.",
            "It says I am outside the [parking zone|service area], [but I am right at|though I stand next to] the station.",
            "The end ride button [is greyed out|does nothing|just spins].",
            "I put {thebike} back {when} and got no confirmation, [is it really checked in|is everything ok]?",
            "No signal [in the underground car park|at {place}], so the return did not go through.",
            "Can {friend} bring {thebike} back [for me|instead of me]?",
            "Somebody took {thebike} from the dock before [my trip was closed|I had finished in the app].",
            "{thebike} is in the rack, the cable is in, and it still counts the minutes.",
            "Left {thebike} at {place} {when}, [can you see whether it is closed|please check it's signed off].",
            "The dock [doesn't recognise|won't accept|rejects] {thebike}.",
            "May I pause the ride [while shopping|for an hour] without [giving the bike back|ending it]?",
        ),
        (
            "I brought {thebike} back to {place} {when}",
            "the ride ended fine",
            "it took {minutes} until the lock closed, but it did",
            "I returned it at {place} without trouble",
            "the return worked after the second try",
        ),
    ),
    "unlock": Intent(
        0.15,
        (
            "{thebike} [won't|does not|will not] [unlock|open|release].",
            "I [scanned|tried] the [QR code|code] and nothing [happens|happened].",
            "I'm standing [at|in front of] {place} and can't get [a bike|any bike|{thebike}] out.",
            "The app [says|shows] [bike not available|reserved], but {thebike} is right here [in front of me|].",
            "The light turned green and the [pin|bolt|lock] [stayed shut|didn't move].",
            "[How|What do I have to do] to [start|begin] a [ride|rental]?",
            "My [card|member card|key fob] [isn't read|is not recognised] by the reader at {place}.",
            "The [four digit code|PIN] from the text message is [wrong|not accepted].",
            "Can I take out two bikes [at once|with one account], one for {friend}?",
            "It [keeps spinning|says connecting] after I scan, then [times out|error 12].",
            "I reserved {thebike} for {when} and it [refuses to come out|does not let me start].",
            "Do I need [bluetooth|location] switched on to [get|release] a bike?",
            "[Tried|I have tried] [three|four|five] bikes at {place}, none of them [opens|comes loose].",
            "Please [release|open|unlock] {thebike} [remotely|from your end], I'm at {place}.",
            "The bolt on the lock only goes half way when I want to set off.",
            "The scanner [cannot read|doesn't see] the code in the dark, is there another way to [start|take the bike]?",
            "Starting a trip [gives|ends in] an error [every time|since the update].",
            "It counts down to zero and {thebike} stays [locked|in the dock].",
            "Where on the bike do I hold the [card|phone]?",
            "The app [wants|asks me] to confirm I'm over 18 and then will not hand me {thebike}.",
        ),
        (
            "{thebike} unlocked at once",
            "it took two tries to unlock {thebike}, no matter",
            "the first bike did not open so I took the next one",
            "scanning the code worked",
            "getting the bike out was easy",
        ),
    ),
    "damage": Intent(
        0.12,
        (
            "The {part} of {thebike} {broken}.",
            "The {part} {broken}, [please take it out of service|somebody should look at it|you should fix that].",
            "{thebike} at {place} has [a flat tyre|no brakes|a broken chain|a buckled wheel|no saddle].",
            "[Reporting|I want to report|Just to report]: {part} [on|of] {thebike} {broken}.",
            "Someone [has vandalised|kicked in|painted over|dumped] {thebike} [near|at] {place}.",
            "I nearly [fell|crashed] because the {part} {broken}.",
            "The QR sticker on {thebike} is [scratched off|unreadable], [please replace it|it needs a new one].",
            "The dock [screen|post] at {place} is [smashed|dead|cracked].",
            "{thebike} is lying in the [river|bushes|canal] by {place}.",
            "The battery of {thebike} [lost all power|went from full to empty] [halfway up the hill|within a mile].",
            "[Whoever|The person who] takes {thebike} next should know that the {part} {broken}.",
            "Not safe: {part} {broken}.",
            "I had a [small |]accident {when} and the {part} is [damaged|bent] now.",
            "There's glass in the [tyre|front wheel] of {thebike}.",
            "You can't [ride|use] {thebike} like this, the {part} {broken}.",
            "The wheel wobbles and the {part} {broken}.",
            "The lock of {thebike} was [sawn through|cut open|forced], it is [just |]standing there.",
            "Can your mechanics [check|have a look at] {thebike}? [It pulls to the left.|Something grinds.|It feels wrong.]",
        ),
        (
            "the {part} was a bit loose, but someone is on it already",
            "the {part} squeaked, nothing bad",
            "{thebike} itself was in good shape",
            "I already reported the flat tyre in the app",
            "the broken {part} was fixed quickly last time",
        ),
    ),
    "pass": Intent(
        0.10,
        (
            "[How much is a {pass}|What does a {pass} cost|What do you charge for a {pass}] [for two people|in summer|]?",
            "I'd like to [cancel|end|stop] my {pass}.",
            "Can I [switch|change|upgrade] from a [day pass|monthly pass|student pass] to a [year pass|family plan|commuter plan]?",
            "Does the {pass} [include|cover] [e-bikes|cargo bikes|the first hour]?",
            "My {pass} [runs out|expires|ends] [next week|on the 30th], [does it renew by itself|how do I extend it]?",
            "[Is there|Do you have] [a discount|a cheaper rate|something] for [students|pensioners|families|the unemployed]?",
            "I bought a {pass} {when} and it [doesn't show up|isn't active yet].",
            "Can I [pause|freeze] my {pass} [over the winter|while I am abroad]?",
            "Can {friend} [ride on|use|share] my {pass}?",
            "[Which|What] {pass} [is best|would you recommend] if I ride [twice a day|only at weekends]?",
            "I want to give {friend} a {pass} [as a present|for a birthday].",
            "How many [free minutes|rides] are in the {pass}?",
            "What [proof|papers] do you need for the student [price|rate]?",
            "The renewal notice says my {pass} goes on for another year, I don't want that.",
            "[Does|Will] my {pass} work in [other cities|the next town]?",
            "Is the {pass} worth it, or [is paying per ride|are single rides] cheaper?",
            "Our company [wants|would like] [ten|25|a few] [yearly passes|memberships] for the staff.",
            "My {pass} is valid, yet the app [offers me only|only lets me have] pay as you go.",
        ),
        (
            "I have a {pass} by the way",
            "my {pass} is valid until June",
            "I bought the {pass} {when} and like it",
            "with the {pass} it should be covered, but that is not my point",
            "thanks for extending my {pass}",
        ),
        rides=False,
    ),
    "station": Intent(
        0.07,
        (
            "There [are|were] [no bikes|never any bikes] at {place} [in the mornings|{when}|again].",
            "The station at {place} is [always|completely|] full, [where else can I go|what do I do].",
            "[Will you|Are you going to] [build|open|put] a [station|rack] [at|near] {place}?",
            "The map shows [five|six|three] bikes at {place} and there is not a single one.",
            "Where is the [next|nearest|closest] station [to|from] {place}?",
            "Why was the station at {place} [closed|removed|moved]?",
            "All docks at {place} are taken.",
            "[When|How often] do you bring new bikes to {place}?",
            "Are there any cargo bikes [at|around] {place}?",
            "The rack at {place} blocks the [pavement|ramp|entrance].",
            "We [need|could do with] more docks at {place}, it is [packed|full] every evening.",
            "How far does [the service area|your zone] go, does it include {place}?",
            "Is the station at {place} open [at night|during the road works|on match days]?",
            "The pin for {place} is [on the wrong side of the road|in the wrong spot] on your map.",
        ),
        (
            "the station at {place} was full so I went on to the next",
            "there were plenty of bikes at {place}",
            "I used the new station at {place}",
            "I had to walk to {place} to find a bike, fine",
        ),
        rides=False,
    ),
    "account": Intent(
        0.04,
        (
            "I [can't|cannot] log in [any more|on my {device}|].",
            "I [forgot|don't remember] my password and the [reset mail|link] [never comes|doesn't arrive|has expired].",
            "How do I change my [email address|phone number|name]?",
            "[Please|I want you to] delete my [account|data|profile].",
            "My account is [blocked|suspended|locked], [why|what did I do]?",
            "The text with the [sign-up|confirmation] code does not arrive on my {device}.",
            "The app [crashes|closes] [as soon as I open it|on start] on my {device}.",
            "I have two accounts [by mistake|], can you merge them?",
            "It says my email is already [in use|registered].",
            "[Someone else is|I think a stranger is] using my account.",
            "Stop sending me [newsletters|adverts], please.",
            "Moved to a {device}, how do I get my [profile|account] across?",
            "Registering fails at the step with the [date of birth|ID photo].",
        ),
        (
            "I had to log in again",
            "I changed my phone number recently",
            "the app crashed once",
        ),
        rides=False,
    ),
    "lost_property": Intent(
        0.03,
        (
            "I left {thing} in the basket of {thebike}.",
            "[Has anyone handed in|Did anybody find|Has somebody given you] {thing}?",
            "{thing} [must have fallen|fell] out [of the basket|] [near|at] {place} {when}.",
            "I found [a phone|a blue rucksack|somebody's keys|a child's jacket] [in the basket|on {thebike}|at the rack], where can I [bring|leave] it?",
            "Where is your lost and found?",
            "I think {thing} is still on {thebike}, [who has it now|can you look].",
            "[Lost|I lost] {thing} somewhere between {place} and {place}.",
            "When I came back to {thebike} {thing} was gone, has it turned up?",
            "Forgot {thing} [on the carrier|in the child seat] {when}.",
            "Can you tell me who rode {thebike} after me? They may have {thing}.",
        ),
        (
            "I almost left {thing} in the basket",
            "thanks for keeping {thing} for me last time",
        ),
    ),
}

TWINS: tuple[tuple[str, dict[str, str]], ...] = (
    ("The lock won't <x>.", {"return": "close", "unlock": "open"}),
    (
        "I'm at {place} and the app won't let me <x>.",
        {"return": "finish", "unlock": "start", "account": "sign in", "billing": "pay"},
    ),
    ("I left <x> at {place} {when}.", {"return": "the bike", "lost_property": "{thing}"}),
    ("How do I <x> my {pass}?", {"pass": "[extend|cancel]", "billing": "[get an invoice for|get the money back for]"}),
    (
        "The dock at {place} is <x>.",
        {"station": "full", "damage": "broken", "return": "not taking my bike", "unlock": "not letting go of the bike"},
    ),
    ("Please <x> my {pass}, it was a mistake.", {"pass": "cancel", "billing": "refund"}),
    ("Bike {number} at {place} is <x>.", {"damage": "wrecked", "unlock": "stuck in the dock", "return": "back"}),
    ("The app says my <x>.", {"return": "trip is running", "pass": "{pass} has ended", "account": "login is invalid"}),
    ("Can I change my <x>?", {"pass": "plan", "account": "email", "billing": "payment method", "unlock": "bike code"}),
    ("My {device} <x>.", {"account": "no longer gets me in", "lost_property": "must be in the basket"}),
    ("I tried to <x> {thebike} for {minutes}.", {"unlock": "get out", "return": "get rid of"}),
    ("I need to <x> a bike at {place}.", {"unlock": "release", "return": "drop off", "station": "find"}),
    ("The battery was empty, so I could not <x>.", {"return": "end the ride", "unlock": "set off"}),
    ("Wrong <x> [again|] on my last trip!", {"billing": "price", "station": "location on the map"}),
    (
        "I parked at {place} and <x>.",
        {"billing": "paid a penalty", "return": "it keeps running", "station": "no space"},
    ),
)

GREETINGS = ("Hi", "Hello", "Hi there", "Dear team", "Good morning", "Hey", "Hello Wren team", "Good evening", "Dear Wren Bikes")  # fmt: skip

HESITATIONS = (
    "Not sure if this is the right place, but",
    "Sorry to bother you,",
    "Maybe I'm doing something wrong, but",
    "Quick question:",
    "So,",
    "I hope you can help,",
    "As I told your colleague on the phone,",
    "It's me again,",
    "Hm,",
    "Second try:",
)

CONTEXTS = (
    "I'm new [to this|here].",
    "I use your bikes every day.",
    "We are visiting for the weekend.",
    "I wrote to you {when} already.",
    "I've been a customer since the start.",
    "[The help page|Your website] doesn't say.",
    "I moved here [in spring|last month].",
)

RIDE_CONTEXTS = (
    "I rode from {place} to {place} {when}.",
    "I am on my way to work.",
    "It is raining and I'm in a hurry.",
    "It was bike {number}.",
    "The ride took {minutes}.",
    "I was with {friend}.",
)
"""Said only where the message is about a ride."""

CLOSINGS = (
    "Thanks!", "Thank you.", "Please help.", "Please get back to me.", "Cheers", "Kind regards", "Thanks in advance.",
    "Best wishes, Ana", "Any ideas?", "Please hurry.", "Otherwise a great service.", "This is really annoying.",
    "Thanks, Tom", "What can I do?", "Is this normal?", "It's not the first time.", "Regards, P. Hale",
)  # fmt: skip

ASIDES_BEFORE = (
    "<Aside>.",
    "<Aside>, but that's not why I'm writing.",
    "<Aside>. Now something else.",
    "First, <aside>.",
)

ASIDES_AFTER = ("By the way, <aside>.", "(<Aside>.)", "<Aside>.", "On another note, <aside>.", "PS: <aside>.")

VAGUE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("It doesn't work [again|].", ("unlock", "return", "account")),
    ("Same problem as [last week|yesterday|on Sunday].", ("billing", "return", "damage")),
    ("Nobody has answered my message from {day}.", ("billing", "account", "lost_property")),
    ("{thebike} at {place}, please sort it out.", ("damage", "return", "unlock")),
)
"""Messages that truly could mean several things; about one in a hundred."""
