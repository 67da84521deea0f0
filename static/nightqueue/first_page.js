import { keepRenewing } from "../yadopera/renew.js";

keepRenewing(".first-page", 60_000);
