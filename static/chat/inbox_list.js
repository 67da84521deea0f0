import { keepRenewing } from "../yadopera/renew.js";

keepRenewing("#result_list", 10_000);
