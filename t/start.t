# What is wrong is said before the first request: by httpd -t, and at the start,
# which is then none. Each finding is one sentence with its remedy, and says in
# which section of which file it belongs.

use strict;
use warnings;

use POSIX ();

use Apache::Test qw(-withtestmore);
use NegTest;
use NegTest::Httpd qw(httpd_user mpm);
use NegTest::Keytab qw(write_keytab entry AES128);
use NegTest::Stage;

plan skip_all => 'it is the same with every MPM' if mpm() eq 'prefork';


my $root = $> == 0;
my $user = httpd_user() || getpwuid $>;

# --- helpers -----------------------------------------------------------------

# The protected location, with lines of the test's own; its first line of ours
# stands in line 1 of what is given to a server.
sub location {
    my ($path, @lines) = @_;
    return join "\n", "<Location $path>", '    AuthType Negotiate', '    AuthName test',
      '    Require valid-user', (map { "    $_" } @lines), '</Location>', '';
}

# With files of its own, so that no other host serves its pages.
sub virtual_host {
    my ($number, $conf) = @_;
    my $root = stage_dir() . "/keytab/v$number";
    mkdir $root;
    return "<VirtualHost *:$number>\nServerName v$number\nDocumentRoot \"$root\"\n$conf</VirtualHost>\n";
}

# The number of a line of httpd.conf, in which our text comes last.
sub line_of {
    my ($server, $pattern) = @_;
    open my $in, '<', $server->dir . '/httpd.conf' or die $!;
    while (<$in>) { return $. if /$pattern/ }
    return 0;
}

sub count { my ($text, $pattern) = @_; my @all = $text =~ /$pattern/g; return scalar @all }

# httpd -t fails with one finding, which matches all the patterns, and which is
# not repeated.
sub stops_check {
    my ($name, $conf, $begin, @patterns) = @_;
    my $server = ref $conf ? $conf : server(conf => $conf);
    my $result = $server->check;
    ok !$result->{ok}, "$name: httpd -t fails";
    my @found = grep { /$begin/ } split /\n/, $result->{output};
    is scalar @found, 1, '... with one finding' or diag $result->{output};
    my @missing = grep { ($found[0] || '') !~ /$_/ } @patterns;
    is "@missing", '', '... that says what is wrong and what to do' or diag $result->{output};
    return $server;
}

sub runs_check {
    my ($name, $conf, %opt) = @_;
    my $server = server(conf => $conf, %opt);
    my $result = $server->check;
    ok $result->{ok} && $result->{output} eq "Syntax OK\n", "$name: httpd -t has nothing to say"
      or diag $result->{output};
    return $server;
}

# A file or directory that httpd's children cannot use, though root could.
sub lock_out {
    my ($path, $mode) = @_;
    if   ($root) { chown 0, 0, $path; chmod $mode, $path }
    else         { chmod 0, $path }
    return;
}

my $dir = stage_dir() . '/keytab';
my $delegated = stage_dir() . '/start';
mkdir $delegated;
NegTest::Stage->give_to_httpd($delegated, 0700);

# --- the keytab --------------------------------------------------------------

runs_check('everything is right', location('/x', "AuthNegotiateKeytab $dir/http.keytab"));

{
    my $server = stops_check('no keytab', location('/x', "AuthNegotiateKeytab $dir/none.keytab"),
        qr/AuthNegotiateKeytab/, qr{\Q$dir\E/none\.keytab does not exist}, qr/kadmin.*ktadd.*ktpass/);
    my $said = $server->check->{output};
    my $at   = line_of($server, qr/<Location/) + 1;
    like $said, qr{\(in /x, \S*/httpd\.conf:$at\)}, '... in which section of which file';

    ok !$server->try_to_start, '... and httpd does not start';
    is count($server->said, qr/none\.keytab does not exist/), 1, '... and says so once'
      or diag $server->said;
}

{
    write_keytab("$dir/locked.keytab", entry('HTTP/localhost'));
    lock_out("$dir/locked.keytab", 0600);
    stops_check('a keytab for root alone', location('/x', "AuthNegotiateKeytab $dir/locked.keytab"),
        qr/AuthNegotiateKeytab/,
        httpd_user() ? qr{\Q$dir\E belongs to another user than root, who could put another keytab there; write chown root}
        : qr{\Q$dir\E/locked\.keytab cannot be read by the user \Q$user\E: Permission denied.*chown root.*chmod 600.*chgrp \S+ \S*locked\.keytab; chmod 640 \S*locked\.keytab});
    chmod 0600, "$dir/locked.keytab";
}

{
    mkdir "$dir/closed";
    chmod 0755, "$dir/closed";
    write_keytab("$dir/closed/http.keytab", entry('HTTP/localhost'));
    lock_out("$dir/closed", 0700);
    stops_check('a directory above it is closed',
        location('/x', "AuthNegotiateKeytab $dir/closed/http.keytab"),
        qr/AuthNegotiateKeytab/, httpd_user() ? qr/belongs to another user than root/ : qr/cannot be read by the user \Q$user\E/);
    chmod 0755, "$dir/closed";
}

{
    open my $out, '>', "$dir/text.keytab" or die $!;
    print $out "this is no keytab\n";
    close $out;
    NegTest::Stage->give_to_httpd("$dir/text.keytab", 0600);
    stops_check('a file that is no keytab', location('/x', "AuthNegotiateKeytab $dir/text.keytab"),
        qr/AuthNegotiateKeytab/, qr/text\.keytab is no keytab that krb5 can read/, qr/ktadd|ktpass/);
    POSIX::mkfifo("$dir/pipe.keytab", 0600);
    NegTest::Stage->give_to_httpd("$dir/pipe.keytab", 0600);
    stops_check('a pipe', location('/x', "AuthNegotiateKeytab $dir/pipe.keytab"),
        qr/AuthNegotiateKeytab/, qr/pipe\.keytab is not a regular file/, qr/write the right path/);
    write_keytab("$dir/empty.keytab");
    stops_check('a keytab without keys', location('/x', "AuthNegotiateKeytab $dir/empty.keytab"),
        qr/AuthNegotiateKeytab/, qr/empty\.keytab has no key .* HTTP, only of nobody/);
}

{
    write_keytab("$dir/host.keytab", entry('host/localhost'), entry('host/www.example.test'));
    my $conf = location('/x', "AuthNegotiateKeytab $dir/host.keytab");
    stops_check('a keytab without an HTTP/ key', $conf, qr/AuthNegotiateKeytab/,
        qr/no key for AuthNegotiateAcceptor HTTP,/,
        qr{only of host/localhost\@EXAMPLE\.TEST, host/www\.example\.test\@EXAMPLE\.TEST},
        qr{Add the key of HTTP/});
    runs_check('... with AuthNegotiateAcceptor any',
        location('/x', "AuthNegotiateKeytab $dir/host.keytab", 'AuthNegotiateAcceptor any'));
    runs_check('... with an expression, of which nothing is known yet',
        location('/x', "AuthNegotiateKeytab $dir/host.keytab", 'AuthNegotiateAcceptor HTTP@%{HTTP_HOST}'));
    runs_check('... for the whole server, where each location names an acceptor that is there',
        "AuthNegotiateKeytab $dir/host.keytab\n"
          . location('/x', 'AuthNegotiateAcceptor host@localhost'));
    stops_check('... for the whole server, and a location that needs HTTP',
        "AuthNegotiateKeytab $dir/host.keytab\n" . location('/x'),
        qr/host\.keytab/, qr{AuthType Negotiate \(in /x,}, qr/no key for AuthNegotiateAcceptor HTTP,/);
}

stops_check('no key of the acceptor',
    location('/x', "AuthNegotiateKeytab $dir/http.keytab", 'AuthNegotiateAcceptor HTTP@shop.example.test'),
    qr/AuthNegotiateKeytab/, qr/no key for AuthNegotiateAcceptor HTTP\@shop\.example\.test/,
    qr{only of HTTP/localhost\@EXAMPLE\.TEST, HTTP/www\.example\.test\@EXAMPLE\.TEST});
runs_check('a key of the acceptor',
    location('/x', "AuthNegotiateKeytab $dir/http.keytab", 'AuthNegotiateAcceptor HTTP@WWW.example.test'));

{
    my $missing = "$dir/none.keytab";
    stops_check('two locations', location('/x', "AuthNegotiateKeytab $missing")
          . location('/y', "AuthNegotiateKeytab $dir/host.keytab"),
        qr{\(in /y}, qr/host\.keytab/);
    stops_check('a keytab of a virtual host',
        "<VirtualHost *:1>\nServerName v\nAuthNegotiateKeytab $missing\n" . location('/v') . "</VirtualHost>\n",
        qr/AuthNegotiateKeytab/, qr/\(in the whole server, \S+:\d+\).*none\.keytab does not exist/);
}

# --- krb5's default keytab ---------------------------------------------------

{
    my $conf = location('/x');
    runs_check('no AuthNegotiateKeytab: KRB5_KTNAME is checked', $conf,
        env => { KRB5_KTNAME => "FILE:$dir/http.keytab" });
    stops_check('... and is missing', server(conf => $conf, env => { KRB5_KTNAME => "FILE:$dir/none.keytab" }),
        qr/none\.keytab/, qr{AuthType Negotiate \(in /x,}, qr/does not exist/, qr/a keytab of its own/);
    stops_check('... and has no HTTP/ key',
        server(conf => $conf, env => { KRB5_KTNAME => "FILE:$dir/host.keytab" }),
        qr/host\.keytab/, qr{AuthType Negotiate \(in /x,}, qr/no key for AuthNegotiateAcceptor HTTP,/);
    runs_check('nothing is asked for where nobody uses Negotiate', "<Location /x>\nAuthType None\n</Location>\n",
        env => { KRB5_KTNAME => "FILE:$dir/none.keytab" });

    my $server = server(
        conf => qq{ScriptAliasMatch "env\\.pl\$" "\@stage\@/cgi-bin/env.pl"\n$conf},
        env  => { KRB5_KTNAME => "FILE:$dir/http.keytab" }
    )->start;
    is http(port => $server->port)->get('/x/env.pl', Authorization => initiator('alice')->authorization)->status,
      200, '... and it is what tokens are accepted with';
    $server->stop;
}

{
    my $config = stage_dir() . '/kdc/locked.conf';
    kdc()->write_krb5_conf($config);
    lock_out($config, 0600);
    stops_check('a krb5.conf for root alone',
        server(conf => location('/x', "AuthNegotiateKeytab $dir/http.keytab"), env => { KRB5_CONFIG => $config }),
        qr/krb5\.conf/, qr/cannot be read by the user \Q$user\E/, qr/chmod o\+r/);
}

# Where one section has a keytab, another may have forgotten its own.
{
    my @env = (env => { KRB5_KTNAME => "FILE:$dir/none.keytab" });
    my $good = "AuthNegotiateKeytab $dir/http.keytab";
    my $default = qr/krb5's default, .* in one line for the whole server/;
    stops_check('a location without a keytab, beside one that has it',
        server(conf => location('/x', $good) . location('/y'), @env), qr/none\.keytab/, qr{AuthType Negotiate \(in /y,}, $default);
    stops_check('... that only begins alike', server(conf => location('/x', $good) . location('/xy'), @env),
        qr/none\.keytab/, qr{\(in /xy,}, $default);
    stops_check('... or is of another virtual host',
        server(conf => join('', map { "<VirtualHost *:$_>\nServerName v$_\n" . location("/v$_", $_ == 1 ? $good : ()) . "</VirtualHost>\n" } 1, 2), @env),
        qr/none\.keytab/, qr{\(in /v2,}, $default);
    stops_check('... for passwords', server(conf => location('/x', $good)
          . "<Location /y>\nAuthType Basic\nAuthName y\nAuthBasicProvider kerberos\nRequire valid-user\n</Location>\n", @env),
        qr/none\.keytab/, qr{AuthBasicProvider kerberos \(in /y,}, $default);
    my @may_have = (
        location('/x', $good) . location('/x/inner'),
        "<Directory /srv>\n$good\n</Directory>\n" . location('/x'),
        location('/x') . "<If \"true\">\n$good\n</If>\n",
        location('/x') . "<LocationMatch ^/x>\n$good\n</LocationMatch>\n",
    );
    runs_check('... but has it, or may have it: from around it, from its directory, for some requests, by a pattern',
        join('', map { virtual_host($_, $may_have[$_ - 1]) } 1 .. @may_have), @env);
    runs_check('... or a virtual host has it for the main server\'s sections',
        location('/x') . "<VirtualHost *:1>\nServerName v\n$good\n</VirtualHost>\n", @env);
}

# --- krb5.conf's default realm -----------------------------------------------

{
    my $config = stage_dir() . '/kdc/no-default.conf';
    kdc()->write_krb5_conf($config);
    { local (@ARGV, $^I) = ($config); local $^I = ''; while (<>) { print if !/default_realm/ } }
    my $keytab = "AuthNegotiateKeytab $dir/http.keytab";
    my $basic  = "AuthNegotiateRequireTLS On\nAuthNegotiateBasicProvider kerberos";
    for my $conf ($config, stage_dir() . '/nowhere.conf') {
        my @env = (env => { KRB5_CONFIG => $conf });
        my $what = $conf eq $config ? 'no default_realm' : 'no krb5.conf';
        my $remedy = qr/write default_realm = \S+ in its section \[libdefaults\]/;
        for my $line ('AuthNegotiateUser local', $conf eq $config ? ('AuthNegotiateUser strip', $basic) : ()) {
            my ($name) = $line =~ /(AuthNegotiate(?:User|BasicProvider) \w+)/;
            stops_check("$what, and $name", server(conf => location('/x', $keytab, $line), @env), qr/default_realm/,
                qr{\Q$name\E.*\(in /x,}, qr/is missing or has no default_realm/, $remedy);
        }
        next if $conf ne $config;
        stops_check("$what, and AuthBasicProvider kerberos",
            server(conf => "<Location /x>\n$keytab\nAuthType Basic\nAuthName x\nAuthBasicProvider kerberos\nRequire valid-user\n</Location>\n", @env),
            qr/default_realm/, qr{AuthBasicProvider kerberos \(in /x,}, $remedy);
        runs_check("$what, and $_", location('/x', $keytab, $_), @env)
          for 'AuthNegotiateUser principal', 'AuthNegotiateUser strip EXAMPLE.TEST';
    }
}

# --- what is probably not meant: warnings --------------------------------------

sub warns_check {
    my ($name, $conf, @patterns) = @_;
    my $result = server(conf => "AuthNegotiateKeytab $dir/http.keytab\n$conf")->check;
    my @found = grep { !/Syntax OK/ } split /\n/, $result->{output};
    ok $result->{ok} && @found == 1, "$name: httpd -t warns, and succeeds" or diag $result->{output};
    my @missing = grep { ($found[0] || '') !~ /$_/ } @patterns;
    is "@missing", '', '... and says what to write' or diag $result->{output};
    return;
}

# All at once, each in a virtual host of its own.
my (@hosts, @silent);
sub says_nothing {
    my ($name, $conf) = @_;
    push @silent, $name =~ s/^[. ]+//r;
    $conf .= "\n" if $conf !~ /\n\z/;
    push @hosts, virtual_host(@hosts + 1, $conf);
    return;
}

{
    my $bare = "AuthType Negotiate\nAuthName x";
    my $rule = 'Require valid-user';
    my $site = "<Directory /srv>\nRequire all granted\n</Directory>\n";
    my $in = sub { my ($section, @lines) = @_; my ($kind) = $section =~ /(\w+)/; join "\n", "<$section>", @lines, "</$kind>", '' };
    my $open = qr/has no Require, .* the page is open and nobody is asked\. Write Require valid-user/;

    warns_check('no Require', $site . $in->('Location /x', $bare), $open, qr{AuthType Negotiate \(in /x, \S+:\d+\)});
    warns_check('... with one elsewhere', $in->('Location /y', $bare, $rule) . $in->('Location /x', $bare), $open, qr{in /x,});
    says_nothing('... but in a part of it', $in->('Location /', $bare) . $in->('Location /x', $rule));
    says_nothing('... or around it', $in->('Location /', $rule) . $in->('Location /x', $bare));
    says_nothing('... or beside it', $in->('Location /x', $bare) . $in->('Location /x', $rule));
    says_nothing('... or for a method', $in->('Location /x', $bare, '<Limit POST>', $rule, '</Limit>'));
    says_nothing('... or in its directory, perhaps', $in->('Location /x', $bare) . $in->('Directory /srv', $rule));
    says_nothing('... or all are let in on purpose', $in->('Location /x', $bare, 'Require all granted'));
    runs_check('... or a .htaccess may have it',
        "AuthNegotiateKeytab $dir/http.keytab\n" . $in->('Location /x', $bare) . $in->('Directory /srv', 'AllowOverride AuthConfig'));

    warns_check('no AuthName', $in->('Location /x', 'AuthType Negotiate', $rule),
        qr{AuthType Negotiate \(in /x,}, qr/has no AuthName: .*Write AuthName/);
    says_nothing('... but around it', $in->('Location /', 'AuthName x') . $in->('Location /x', 'AuthType Negotiate', $rule));

    warns_check('an AuthType that is none', $in->('Location /x', 'AuthType Negociate', 'AuthName x', 'AuthNegotiateUser local', $rule),
        qr{AuthType Negociate \(in /x,}, qr/AuthNegotiateUser, which is for AuthType Negotiate, and does nothing/);
    says_nothing('... and no line of ours', $in->('Location /x', 'AuthType Negociate', 'AuthName x', $rule));
    warns_check('no AuthType at all', $in->('Location /x', 'AuthNegotiateUser local', $rule),
        qr{AuthNegotiateUser \(in /x,}, qr/has no AuthType, .* Write AuthType Negotiate/);
    says_nothing('... but in a part of it', $in->('Location /', 'AuthNegotiateUser local') . $in->('Location /x', $bare, $rule));
    says_nothing('... nor for a whole server', 'AuthNegotiateDelegate off');
    my @for_others = ("AuthNegotiateDelegate FILE:$delegated", 'AuthNegotiateS4U2Proxy On HTTP@backend.test', 'AuthNegotiateImpersonate On');
    says_nothing('users of a certificate are impersonated', $in->('Location /x', @for_others, $rule));
    says_nothing('... and those of another module', $in->('Location /x', 'AuthType Other', 'AuthName x', @for_others, $rule));
    my @for_ours = @for_others[ 0, 1 ];
    warns_check('tickets for services, without anybody', $in->('Location /x', 'AuthType Negociate', 'AuthName x', @for_ours, $rule),
        qr{AuthType Negociate \(in /x,}, qr/does nothing/);

    my $tls = 'AuthNegotiateRequireTLS On';
    warns_check('a realm in small letters', $in->('Location /x', $bare, $rule, $tls, 'AuthNegotiateBasicProvider kerberos', 'AuthNegotiateBasicRealm example.test'),
        qr{AuthNegotiateBasicRealm \(in /x,}, qr/example\.test differs from .* only by the case .* write EXAMPLE\.TEST/);
    warns_check('... in Require', $in->('Location /x', $bare, 'Require krb5-realm Example.Test'),
        qr{Require krb5-realm \(in /x,}, qr/write EXAMPLE\.TEST/);
    warns_check('... in AuthNegotiateUser', $in->('Location /x', $bare, $rule, 'AuthNegotiateUser strip example.TEST OTHER.TEST'),
        qr{AuthNegotiateUser \(in /x,}, qr/write EXAMPLE\.TEST/);

    my $cache = "AuthnCacheSOCache shmcb\n";
    warns_check('a rule for tickets over a cache of passwords',
        $cache . $in->('Location /x', $bare, $tls, 'AuthNegotiateBasicProvider socache kerberos', 'Require krb5-realm EXAMPLE.TEST'),
        qr{AuthNegotiateBasicProvider socache \(in /x,}, qr/a name without a ticket: .* Write rules for names/);
    says_nothing('... a rule for names',
        $in->('Location /x', $bare, $tls, 'AuthNegotiateBasicProvider socache kerberos', 'Require user alice@EXAMPLE.TEST'));
}

runs_check(join('; ', 'nothing to warn of', @silent),
    join('', "AuthNegotiateKeytab $dir/http.keytab\nAuthnCacheSOCache shmcb\n", @hosts));

# --- a length of time, a file of certificates -----------------------------------

for (
    [ 'AuthNegotiateSessionTimeout 12h' => qr/12h is longer than a session lasts at all, which is 10h .* AuthNegotiateSessionTimeout 12h 12h/ ],
    [ 'AuthNegotiateChannelBinding /cert.pem' => qr/write optional, off or require, not "\/cert\.pem"; a certificate follows that word/ ],
    [ 'AuthNegotiateChannelBinding require /none.pem' => qr/the certificate \/none\.pem cannot be read.*Write the path/ ],
) {
    my $result = server(conf => "<Location /x>\n$_->[0]\n</Location>\n")->check;
    ok !$result->{ok} && $result->{output} =~ $_->[1], $_->[0] or diag $result->{output};
}

# --- a keytab for everybody --------------------------------------------------

for my $default (0, 1) {
    write_keytab("$dir/open.keytab", entry('HTTP/localhost'));
    chmod 0644, "$dir/open.keytab";
    my $server = server(
        conf => location('/x', $default ? () : "AuthNegotiateKeytab $dir/open.keytab"),
        env => { KRB5_KTNAME => "FILE:$dir/open.keytab" }
    );
    my $warning = qr/every user of this machine can read the keytab \Q$dir\E\/open\.keytab/;
    my $result  = $server->check;
    ok $result->{ok}, 'a keytab that everybody can read: httpd -t succeeds'
      . ($default ? ' (krb5\'s default)' : '');
    is count($result->{output}, $warning), 1, '... with a warning' or diag $result->{output};
    like $result->{output}, qr/chmod o-rwx .* change the key/, '... and a remedy';
    ok $server->try_to_start, '... the server runs';
    is count($server->log->text, $warning), 1, '... and its error log has the warning, once'
      or diag $server->said;
    is count($server->said, $warning), 1, '... and the terminal is spared' or diag $server->said;
    ok $server->restart(graceful => 1), '... after a graceful restart it still runs';
    is count($server->log->text, $warning), 2, '... and is warned again';
    $server->stop;
}

# --- AuthNegotiateDelegate ---------------------------------------------------

sub delegating { return location('/x', "AuthNegotiateDelegate FILE:$delegated/$_[0]", @_[1 .. $#_]) }

{
    mkdir "$delegated/good";
    NegTest::Stage->give_to_httpd("$delegated/good", 0700);
    runs_check('a private directory for ccaches', delegating('good'));
    chmod 0770, "$delegated/good";
    my $group = server(conf => delegating('good'))->check;
    ok $group->{ok}, 'a directory that its group can write to: httpd -t succeeds';
    like $group->{output}, qr/AuthNegotiateDelegate .*the group of the directory .*chmod g-w/, '... with a warning';
    chmod 0700, "$delegated/good";
    runs_check('delegation is off', location('/x', 'AuthNegotiateDelegate off'));

    my $server = stops_check('a missing directory', delegating('none'), qr/AuthNegotiateDelegate/,
        qr{\(in /x, \S+:\d+\)}, qr{\Q$delegated\E/none is not there}, qr{install -d -m 700 -o \S});
    ok !$server->try_to_start, '... and httpd does not start';
    is count($server->said, qr/is not there/), 1, '... and says so once' or diag $server->said;

    my $again = server(conf => delegating('none') . "<VirtualHost *:1>\nServerName v\n</VirtualHost>\n")->check;
    is count($again->{output}, qr{\Q$delegated\E/none: }), 0, '... nor tries to write there, for another host either'
      or diag $again->{output};

    open my $out, '>', "$delegated/file" or die $!;
    close $out;
    stops_check('a file', delegating('file'), qr/AuthNegotiateDelegate/, qr/is not a directory/,
        qr/install -d -m 700/);

    mkdir "$delegated/locked";
    lock_out("$delegated/locked", 0755);
    stops_check('a directory of somebody else', delegating('locked'), qr/AuthNegotiateDelegate/,
        qr/the user \Q$user\E cannot write to the directory/, qr/chown \S+.*chmod 700/);
    chmod 0700, "$delegated/locked";

    mkdir "$delegated/open";
    for my $mode (0777, 01777, 0703) {
        NegTest::Stage->give_to_httpd("$delegated/open", $mode);
        stops_check(sprintf('a directory of everybody (%04o)', $mode), delegating('open'),
            qr/AuthNegotiateDelegate/, qr/everybody can write/, qr{install -d -m 700 -o \S.*open/ccaches});
    }
    SKIP: {
        skip 'only root can make a directory of another user', 3 if !$root;
        mkdir "$delegated/theirs";
        chown((getpwnam 'daemon')[2], (getpwnam $user)[3], "$delegated/theirs");
        chmod 0750, "$delegated/theirs";
        stops_check('a directory of another user', delegating('theirs'),
            qr/AuthNegotiateDelegate/, qr/belongs to another user/, qr/chown \S+.*chmod 700/);
    }
    stops_check('for the whole server', "AuthNegotiateDelegate FILE:$delegated/none\n" . location('/x'),
        qr/AuthNegotiateDelegate/, qr/in the whole server/, qr/is not there/);

    my $s4u = 'AuthNegotiateS4U2Proxy On HTTP@www.example.test';
    stops_check('tickets in users\' names that have nowhere to go', location('/x', $s4u),
        qr/AuthNegotiateS4U2Proxy/, qr/nowhere to go: write AuthNegotiateDelegate FILE:/);
    stops_check('impersonation for nothing', location('/x', 'AuthNegotiateImpersonate On'),
        qr/AuthNegotiateImpersonate \(in/, qr/write AuthNegotiateS4U2Proxy On and the services/);
    runs_check('both, with a directory', delegating('good', $s4u, 'AuthNegotiateImpersonate On'));
    runs_check('an inner section that has none of it', delegating('good', $s4u) . location('/x/y', 'AuthNegotiateDelegate off'));
}

SKIP: {
    my $other = $root ? 'daemon' : 'root';
    my (undef, undef, undef, $gid) = getpwnam $other;
    my $group = getgrgid $gid;
    skip "no user $other here", 9 if !defined $group;
    stops_check('ccaches for another user', delegating('good', "AuthNegotiateDelegatePerms user:$other"),
        qr/AuthNegotiateDelegatePerms/, qr{\(in /x, \S+:\d+\)}, qr/cannot give files to another user/,
        qr/group: and mode:0640/);
    stops_check('ccaches for a group that the children are not in',
        delegating('good', "AuthNegotiateDelegatePerms group:$group"),
        qr/AuthNegotiateDelegatePerms/, qr/not a member of that group/, qr/add it to the group/);
    my ($own, $own_group) = $root ? httpd_user() : (getpwuid($>) . '', getgrgid($) + 0) . '');
    runs_check('ccaches for the children\'s own user',
        delegating('good', "AuthNegotiateDelegatePerms user:$own"));
    runs_check('... and group',
        delegating('good', "AuthNegotiateDelegatePerms mode:0640 group:$own_group"));
    runs_check('permissions without delegation are nobody\'s business yet',
        location('/x', 'AuthNegotiateDelegatePerms mode:0640'));
}

# --- httpd -t -D DUMP_NEGOTIATE ----------------------------------------------

{
    write_keytab("$dir/dump.keytab", entry('HTTP/localhost', kvno => 7),
        entry('HTTP/localhost', kvno => 7, enctype => AES128), entry('host/localhost', kvno => 3));
    my $server = server(conf => <<"CONF");
AuthNegotiateKeytab $dir/dump.keytab
<Location /outer>
    AuthType Negotiate
    AuthName test
    AuthNegotiateUser strip EXAMPLE.TEST
    AuthNegotiatePersist On
</Location>
<Location /outer/inner>
    AuthNegotiatePersist Off
    AuthNegotiateRequireTLS On
    AuthNegotiateOffer once
    AuthNegotiateChannelBinding require
</Location>
<VirtualHost *:1>
    ServerName virtual.example.test:8443
    AuthNegotiateDelegate FILE:$delegated/good
    AuthNegotiateDelegatePerms mode:0640
    AuthNegotiateDelegateEnv TICKETS
    AuthNegotiateReplayCache shmcb
    <Location /v>
        AuthType Negotiate
        AuthNegotiateAcceptor host\@localhost
    </Location>
</VirtualHost>
CONF
    my $result = $server->dump('NEGOTIATE');
    ok $result->{ok}, 'DUMP_NEGOTIATE' or diag $result->{output};
    my ($main, $virtual) = split /^virtual host/m, $result->{output};
    like $main, qr/^main server localhost:\d+$/m, '... the main server';
    my %at = map { /^(.*?)(?:: AuthType Negotiate)? \(\S+:\d+\)\n/ ? ($1 => $_) : () } split /^  (?=\S)/m, $main;
    is_deeply [ sort keys %at ], [ '/outer', '/outer/inner', 'the whole server' ], '... its sections';
    like $at{'/outer'}, qr{^    keytab +FILE:\Q$dir\E/dump\.keytab$}m, '... the keytab';
    like $at{'/outer'}, qr{^ +HTTP/localhost\@EXAMPLE\.TEST kvno 7 aes256-cts-hmac-sha1-96$}m, '... its keys';
    like $at{'/outer'}, qr{^ +HTTP/localhost\@EXAMPLE\.TEST kvno 7 aes128-cts-hmac-sha1-96$}m, '... all';
    like $at{'/outer'}, qr{^ +host/localhost\@EXAMPLE\.TEST kvno 3 \S+ \(does not accept here\)$}m,
      '... and which do not serve';
    my %unset = (
        s4u2proxy => 'Off', impersonate => 'Off', attributes => 'off', groups => 'off', passwords => 'off', realms => 'default', enterprise => 'Off', session => 'Off',
        timeouts => 'idle 1800 s, absolute 36000 s', cookie => '(default name); Path=/; HttpOnly; SameSite=Lax',
    );
    my %policy = (
        '/outer' => { %unset, user => 'strip EXAMPLE.TEST', persist => 'On', 'require TLS' => 'Off', offer => 'always',
            bindings => 'optional', acceptor => 'HTTP', delegate => 'off', mechanisms => 'krb5' },
        '/outer/inner' => { %unset, user => 'strip EXAMPLE.TEST', persist => 'Off', 'require TLS' => 'On', offer => 'once',
            bindings => 'require', acceptor => 'HTTP', delegate => 'off', mechanisms => 'krb5' },
    );
    for my $section (sort keys %policy) {
        my %shown = $at{$section} =~ /^    (\S.*?) {2,}(.*)$/mg;
        delete $shown{keytab};
        is_deeply \%shown, $policy{$section}, "... the merged policy of $section";
    }
    like $main,    qr/^  replay cache +default$/m, '... the replay cache';
    like $virtual, qr/^  replay cache +shmcb$/m,   '... which the virtual host has of its own';
    like $virtual, qr/^ virtual\.example\.test:8443$/m, '... the virtual host';
    my ($location) = $virtual =~ m{^  /v: AuthType Negotiate (.*)}ms;
    like $location, qr{^    keytab +FILE:\Q$dir\E/dump\.keytab$}m, '... inherits the keytab';
    like $location, qr/^    delegate +FILE:\Q$delegated\E\/good in TICKETS, mode 0640$/m, '... has its own delegation';
    like $location, qr{^ +HTTP/localhost\S+ kvno 7 \S+ \(does not accept here\)$}m, '... and acceptor';
    unlike $server->check->{output}, qr/keytab/, 'httpd -t alone lists nothing';

    my $broken = server(conf => location('/x'), env => { KRB5_KTNAME => "FILE:$dir/none.keytab" });
    my $said = $broken->dump('NEGOTIATE');
    ok !$said->{ok} && $said->{output} =~ /none\.keytab does not exist/, '... nor does a broken one dump without a word';
}

# --- backends ------------------------------------------------------------------

{
    my $server = server(conf => location('/x', "AuthNegotiateKeytab $dir/http.keytab", 'AuthNegotiateProxyService HTTP'));
    my $file   = $server->dir . '/httpd.conf';
    run([ qw(sed -i), '/^LoadModule proxy_/d', $file ]);
    stops_check('a backend without mod_proxy', $server, qr/AuthNegotiateProxyService \(in \/x, /, qr/mod_proxy is not loaded/, qr/LoadModule proxy_module/);
}

# --- restarts ----------------------------------------------------------------

{
    my $alias  = qq{ScriptAliasMatch "env\\.pl\$" "\@stage\@/cgi-bin/env.pl"\n};
    my $server = server(conf => $alias . location('/x', "AuthNegotiateKeytab $dir/http.keytab"))->start;
    my $user_of = sub {
        http(port => $server->port)->get('/x/env.pl', Authorization => initiator('alice')->authorization)
          ->env->{REMOTE_USER};
    };
    is $user_of->(), 'alice@EXAMPLE.TEST', 'a running server';
    $server->configure($alias
          . location('/x', "AuthNegotiateKeytab $dir/http.keytab", 'AuthNegotiateUser strip EXAMPLE.TEST'));
    ok $server->restart(graceful => 1), '... restarted gracefully with another configuration';
    is $user_of->(), 'alice', '... follows it';

    $server->configure($alias . location('/x', "AuthNegotiateKeytab $dir/www.keytab"));
    write_keytab("$dir/www.keytab", entry('HTTP/www.example.test'));
    ok $server->restart(graceful => 1), '... and again, with another keytab';
    is http(port => $server->port)->get('/x/env.pl', Authorization => initiator('alice')->authorization)->status,
      401, '... whose keys are the only ones';
    is_deeply [ $server->log->crashes ], [], '... and nobody died';
    $server->stop;
}

done_testing;
