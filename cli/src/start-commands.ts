/**
 * What `zonewright start` prints: commands that work as they stand, in a second terminal in the same folder. Where a program is not
 * installed, the same is said with `zonewright` itself, and which Debian package has the program.
 */

export interface Setting {
  /** How `zonewright` is called. */
  readonly program: string;
  readonly directory: string;
  readonly repository: string;
  readonly primary: string;
  readonly secondary: string;
  readonly port: number;
  /** The person's update key, NAME:ALG:SECRET. */
  readonly key: string;
  readonly authority: { readonly caFile?: string; readonly rootUrl?: string } | undefined;
  hasProgram(name: string): boolean;
}

/** Quotes a word for the shell where that is needed. */
function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function dnsCommands(setting: Setting): readonly string[] {
  const { program, primary, secondary, port, key } = setting;
  const [name, algorithm, secret] = key.split(':');
  if (!setting.hasProgram('dig') || !setting.hasProgram('nsupdate')) {
    return [
      '# What both say (dig and nsupdate are not installed; Debian package bind9-dnsutils)',
      `${program} query --port ${port} ${primary} www.mirage A`,
      `${program} query --port ${port} ${secondary} www.mirage A`,
      '# The whole zone',
      `${program} query --port ${port} --key ${word(key)} ${primary} mirage AXFR`,
      '# Change the zone: the serial rises, and the commit has the key as its author',
      `${program} update --port ${port} ${primary} ${word(key)} hello.mirage 10.0.42.81`,
      `${program} query --port ${port} ${secondary} hello.mirage A`,
    ];
  }
  const tsig = word(`hmac-${algorithm!.toLowerCase()}:${name}:${secret}`);
  return [
    '# What both say',
    `dig @${primary} -p ${port} www.mirage +short`,
    `dig @${secondary} -p ${port} www.mirage +short`,
    '# The whole zone',
    `dig @${primary} -p ${port} -y ${tsig} mirage axfr`,
    '# Change the zone: the serial rises, and the commit has the key as its author',
    `printf '%s\\n' 'server ${primary} ${port}' 'zone mirage' 'update add hello.mirage 300 A 10.0.42.81' send | nsupdate -y ${tsig}`,
    `dig @${secondary} -p ${port} hello.mirage +short`,
  ];
}

function gitCommands({ program, directory, repository, primary, port, key, hasProgram }: Setting): readonly string[] {
  if (!hasProgram('git')) return [`# The zones are in the git repository ${repository} (git is not installed)`];
  const clone = word(`${directory}/clone`);
  return [
    '# Look at that commit; then change the zone yourself, push, and have the primary pull',
    `git -C ${word(repository)} log -1 -p main`,
    `[ -d ${clone} ] || git clone --quiet ${word(repository)} ${clone}; git -C ${clone} pull --quiet`,
    `echo 'garden TXT "by hand"' >> ${clone}/mirage && git -C ${clone} -c user.name=me -c user.email=me@mirage commit -qam 'A garden' && git -C ${clone} push --quiet`,
    `${program} notify --port ${port} --key ${word(key)} ${primary} mirage`,
    `${program} query --port ${port} ${primary} garden.mirage TXT`,
  ];
}

function certificateCommands(setting: Setting): readonly string[] {
  const { program, directory, primary, port, key, authority } = setting;
  if (authority === undefined) {
    return ['# Certificates: install pebble (Debian package pebble) and start again, or start with --acme URL'];
  }
  const base = word(`${directory}/www.mirage`);
  const files = `--key ${base}.key --csr ${base}.req --certificate ${base}.pem`;
  const lines = [
    '# A certificate, asked for through DNS',
    `${program} certify --port ${port} --dns-key ${word(key)} ${files} ${primary} www.mirage`,
  ];
  const { caFile, rootUrl } = authority;
  if (caFile === undefined || rootUrl === undefined || !setting.hasProgram('openssl') || !setting.hasProgram('curl'))
    return lines;
  const root = word(`${directory}/root.pem`);
  return [
    ...lines,
    `curl --silent --cacert ${word(caFile)} ${rootUrl} > ${root} && openssl verify -CAfile ${root} -untrusted ${base}.pem ${base}.pem`,
  ];
}

/** The lines to print. */
export function commandsToTry(setting: Setting): readonly string[] {
  const { primary, secondary, port, repository, directory } = setting;
  return [
    `The zone mirage is served on ${primary} and ${secondary}, port ${port}, out of ${repository}.`,
    `Logs are in ${directory}/log. Ctrl-C ends it all. Try, in another terminal in this folder:`,
    '',
    ...dnsCommands(setting),
    '',
    ...gitCommands(setting),
    '',
    ...certificateCommands(setting),
    '',
  ];
}
