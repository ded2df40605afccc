/** What people are called and where they live: the tables that their names, cities and states are drawn from. */

import { flat } from "./flat.ts";

export const FIRST_NAMES = "Peter,Paul,Luke,John,Saul,Vicky,Kate,Julie,Sarah,Deiter,Walter".split(",");
export const LAST_NAMES = "Shultz,Abrams,Spencer,White,Bartels,Walton,Smith,Jones,Noris".split(",");
export const CITIES = "Phoenix,Los Angeles,San Francisco,Boise,Portland,Bend,Redmond,Seattle,Kent,Cheyenne".split(",");
export const STATES = "AZ,CA,ID,OR,WA,WY".split(",");
/** Of each of the states. */
export const STATE_LENGTH = 2;

/** By first name, then by last name. */
export const FULL_NAMES = FIRST_NAMES.map((first) => LAST_NAMES.map((last) => flat(`${first} ${last}`)));
