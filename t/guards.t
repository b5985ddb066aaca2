# The code, the documents and conf/ say the same, and what docs/design.md promises of the code is
# so. Nearly all of it reads files; httpd is only asked with -t.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use File::Basename qw(basename dirname);
use File::Find 'find';
use MIME::Base64 'encode_base64';
use NegTest;
use NegTest::Httpd qw(apxs httpd_user mpm);

plan skip_all => 'it is the same with every MPM' if mpm() eq 'prefork';

my $tree = source_dir();

my %directive = directives();              # name => contexts, as directives.c has them
my @names     = sort keys %directive;
my %entry     = directive_sections();      # name => its section of docs/directives.md
my %line      = configuration_lines();     # name => arguments in conf/auth_negotiate.conf

plan tests => 53;

# --- directives --------------------------------------------------------------

cmp_ok scalar @names, '>=', 10, 'directives.c has directives';
same([ keys %entry ], \@names, 'docs/directives.md: every directive and no other');
same([ keys %line ],  \@names, 'conf/auth_negotiate.conf: every directive and no other');
same([ map { "$_: " . field($_, 'Context') =~ s/;.*//r } keys %entry ], [ map { "$_: $directive{$_}" } keys %directive ], 'their contexts');
is_deeply [ grep { !field($_, 'Description') || (field($_, 'Syntax') || '') !~ /^`$_ / } keys %entry ],
  [], 'each has a description and a syntax';
same([ map { "$_ $line{$_}" } grep { defined default_of($_) } keys %entry ],
    [ map { "$_ " . default_of($_) } grep { defined default_of($_) } keys %entry ],
    'conf/ and docs/ have the same defaults');

# Every member of a configuration is reached by the directive of its name.
same([ map { s/_//gr } members() ], [ map { lc s/^AuthNegotiate//r } of_directory() ],
    'NEG_CONF_MEMBERS: one for each directive of a directory');

# The second answer of a glob in scalar context is the end of the first one's list, whatever is there.
is_deeply [ grep { read_file("t/$_") =~ /\{ *!\s*glob\b/ } map { basename $_ } glob "$tree/t/*.t" ], [],
  'no test waits for a glob to be false';

like read_file('README'), qr/AuthNegotiate/, 'README has directives';
is_deeply [ unknown_directives($_) ], [], "$_: no directive that is none"
  for 'README', 'CHANGES', documents();

# --- httpd -t ----------------------------------------------------------------

my $first  = section_lines(uncommented(), '/private');
my $second = section_lines("<Location /private>\nAuthType Negotiate\nAuthNegotiateKeytab \@keytab\@\n</Location>\n", '/private');
like $first, qr/^    acceptor /m, 'conf/auth_negotiate.conf, uncommented, passes httpd -t';
is $first, $second, '... and changes nothing: its values are the defaults';

for my $text (first_configuration(), fast_configuration(), examples()) {
    my $r = server(conf => $text)->check;
    ok $r->{ok}, 'a documented example passes httpd -t' or diag $text, $r->{output};
}

{
    my $dump = server(conf => merging())->dump('NEGOTIATE')->{output};
    my ($outer, $inherits, $overrides) = map { settings($dump, $_) } qw(/outer /outer/inherits /outer/overrides);
    like $outer, qr/keytab .*acceptor .*delegate /s, 'httpd -t -D DUMP_NEGOTIATE shows settings';
    is $inherits, $outer, 'every directive is inherited';
    my %same = map { $_ => 1 } split /\n/, $outer;
    is_deeply [ map { /^ +(\w+(?: TLS)?)/ } grep { $same{$_} } split /\n/, $overrides ], [ has_ntlm() ? () : 'mechanisms' ],
      'every directive can be overridden (without gss-ntlmssp there is one mechanism)';
}

{
    my $dump = server(conf => each_alone())->dump('NEGOTIATE')->{output};
    my @missing = grep {
        my ($base, $one) = map { settings($dump, $_) } "/outer/$_/base", "/outer/$_/one";
        $one eq $base && ($_ ne 'AuthNegotiateMechs' || has_ntlm());
    } of_directory();
    is_deeply \@missing, [], '... and shows every directive' or diag "not in the dump: @missing";
}

# --- variables and causes ----------------------------------------------------

my $variables = read_file('docs/variables.md');
same([ table_of('Of a client that was granted') ], [ granted_variables() ], 'docs/variables.md: what a granted request has');
same([ table_of('Of a client that was refused') ], [ refused_variables() ], '... what a refused one has');
same([ table_of('Control') ], [ controls() ], '... and what the module looks at');

{
    my %status = (CLIENT => 401, PASSWORD => 401, POLICY => 403, SERVER => 500, BACKEND => 502, BUSY => 503);
    my (%is, %code_of);
    for (read_file('src/core/cause.h') =~ /X\((\w+, "[\w-]+", \w+)\)/g) {
        my ($name, $code, $blame) = /(\w+), "([\w-]+)", (\w+)/;
        $is{$code} = $status{$blame};
        $code_of{$name} = $code;
    }
    my %documented = section($variables, 'NEGOTIATE_ERROR') =~ /^\| `([\w-]+)` \| (\d+) \|/mg;
    my %aside      = map { $_ => 1 } section($variables, 'NEGOTIATE_ERROR') =~ /^\| `([\w-]+)` \| (?!\d+ \|)/mg;
    my %refuses    = map { $_ => $is{$_} } grep { !$aside{$_} } keys %is;
    same([ map { "$_ $documented{$_}" } keys %documented ], [ map { "$_ $refuses{$_}" } keys %refuses ], 'every cause that refuses, with its status');

    my $code = join '', map { read_file($_) } grep { /\.c$/ } sources();
    is_deeply [ grep { $code !~ /NEG_CAUSE_$_\b/ } sort keys %code_of ], [], 'every cause is in use';
    my @only_aside = map { $code_of{$_} } grep { is_aside_alone($code, $_) } keys %code_of;
    same([ keys %aside ], \@only_aside, 'the causes that are never a refusal');
    my @of_readme = section(read_file('README'), 'When it does not work') =~ /^\| ([^|]+) \|/mg;
    is_deeply [ grep { !exists $is{$_} } map { /`([a-z-]+)`/g } @of_readme ], [], 'README knows no other';
}

# --- README ------------------------------------------------------------------

{
    my ($table) = read_file('src/authz/authorize.c') =~ /\} providers\[\] = \{\n((?: +\{"[\w-]+", &\w+\},\n)+)/;
    my @rules   = ($table || '') =~ /"([\w-]+)"/g;
    die "the table of Require's providers is written differently now\n" if !@rules;
    same([ grep { section(read_file('README'), 'Who may enter') =~ /`$_`/ } @rules ], \@rules, 'README has every rule for Require');
}

{
    my %text = map { $_ => read_file($_) } 'README', documents();
    my @missing;
    for my $file (sort keys %text) {
        my @links = map { dirname($file) . "/$_" } $text{$file} =~ /\]\((?!http)([^)#]+)\)/g;
        my @paths = $text{$file} =~ m{(?<![\w/.~-])((?:src|docs|conf|tools|t)/[\w./-]*\w)}g;
        push @missing, map { "$file: $_" } grep { !-e "$tree/$_" } @links, @paths;
    }
    is_deeply \@missing, [], 'every file that a document names is there';
    unlike read_file('docs/performance.svg'), qr{<title>"[^"]*/}, 'the chart does not tell the directory in which it was drawn';

    my %is_target = map { $_ => 1 } map { split } read_file('Makefile.in') =~ /^([a-z][\w .-]*):(?!=)/mg;
    my @targets   = $text{README} =~ /(?:^    |`)make +([a-z][\w-]*)/mg;
    is_deeply [ grep { !$is_target{$_} } @targets ], [], 'every target of make that README names';

    my @rows = map { [split] } split /\n/, run([ "$tree/tools/deps", '--print', 'build' ])->{output};
    my ($debian) = $text{README} =~ /^    apt-get install (.*)$/m;
    my ($fedora) = $text{README} =~ /^    dnf install (.*)$/m;
    is $debian, join(' ', map { $_->[1] } @rows), 'the packages for Debian are those of tools/deps';
    is $fedora, join(' ', map { split /,/, $_->[2] } @rows), '... and those for Fedora';

    my ($version) = read_file('configure.ac') =~ /AC_INIT\(\[\w+\],\[([\d.]+)\]\)/;
    like read_file('CHANGES'), qr/^\Q$version\E$/m, "CHANGES knows version $version";
}

# --- docs/THREATS.md ---------------------------------------------------------

{
    my %causes = map { $_ => 1 } read_file('src/core/cause.h') =~ /X\(\w+, "([\w-]+)", /g;
    my @rows   = join('', map { section(read_file('docs/THREATS.md'), $_) } 'Attacks', 'What is taken from others') =~ /^\| (?!Attack |What is taken, |---)(.*) \|$/mg;
    my (@untested, @unknown);
    for my $row (@rows) {
        my ($attack, $answer, $test) = split / \| /, $row;
        my ($file, $words) = ($test || '') =~ m{^`(t/[\w-]+\.t)`: "(.+)"$};
        push @untested, $attack if !$file || !-e "$tree/$file" || index(read_file($file), $words) < 0;
        push @unknown, grep { !$causes{$_} } $answer =~ /\d{3} `([\w-]+)`/g;
    }
    is_deeply \@untested, [], 'docs/THREATS.md: each attack has its test, with these words';
    is_deeply \@unknown, [], '... and a code that there is';
}

# --- the code ----------------------------------------------------------------

{
    my %of_httpd = map { basename($_) => 1 } grep { !/\/apr\w*\.h$|\/mod_auth_negotiate\.h$/ } glob apxs('INCLUDEDIR') . '/*.h';
    ok $of_httpd{'httpd.h'}, 'httpd has headers';
    is_deeply [ including(qr{^src/(?:core|gss)/}, sub { $of_httpd{$_} }) ], [],
      'core and gss include no header of httpd';
    is_deeply [ including(qr{^src/core/}, sub { /gssapi|krb5|^gss\.h/ }) ], [], 'core includes none of GSSAPI';
    is_deeply [ files_with(qr/apr_table_(?:set|add|merge|unset)n?\([^;]*(?:_out\b|authenticate_header)/) ], [ 'src/request/answer.c', 'src/request/headers.c' ],
      'answer.c writes headers, and headers.c mends them';
    is_deeply [ files_with(qr/apr_table_(?:set|add|merge|unset)n?\([^;]*subprocess_env/) ], ['src/request/publish.c'],
      'publish.c alone writes the environment';
    is_deeply [ files_with(qr/\b(?:setenv|putenv|unsetenv|umask|setlocale|chdir)\s*\(/) ], [],
      'nothing is changed for the whole process';
}

SKIP: {
    my @objects;
    my $built = dirname($ENV{NEG_MODULE});
    find({ no_chdir => 1, wanted => sub { push @objects, $_ if m{^\Q$built\E/(?:src/.*|mod_auth_negotiate)\.o$} } },
        $built);
    skip 'the sanitizers add variables of their own', 1 if $ENV{NEG_SANITIZE_PRELOAD};
    skip 'the objects are not beside the module', 1 if !@objects;
    my $r = run([ 'objdump', '-t', @objects ]);
    skip 'there is no objdump', 1 if !$r->{ok};
    my %variable = map { $_ => 1 } $r->{output} =~ /\sO \.(?:data|bss)(?:\.(?!rel\.ro)\S+)?\t\w+\s+(?:\.hidden )?(\S+)$/mg;
    is_deeply [ sort keys %variable ], [qw(auth_negotiate_module neg_oid_krb5 neg_oid_ntlmssp neg_oid_spnego oid_krb5 oid_ntlmssp oid_spnego)],
      'no variables that threads share, but what GSSAPI and httpd want so';
}

is_deeply [ grep { read_file($_) =~ /[ \t]+$/m } grep { !/^LICENSE$/ } sources(), others() ], [], 'no white space at the end of lines';

# --- what the code has -------------------------------------------------------

# Two sets, and by name what one of them lacks.
sub same {
    my ($is, $wanted, $name) = @_;
    my (%is, %wanted);
    @is{@$is} = @wanted{@$wanted} = ();
    my @missing = sort grep { !exists $is{$_} } keys %wanted;
    my @more    = sort grep { !exists $wanted{$_} } keys %is;
    return ok(!@missing && !@more, $name) || diag map({ "missing: $_\n" } @missing), map { "too many: $_\n" } @more;
}

sub directives {
    my %documented = (
        'RSRC_CONF | NO_HTACCESS' => 'server config, virtual host, directory',
        'RSRC_CONF'               => 'server config, virtual host',
        'NO_HTACCESS'             => 'directory',
        'OR_AUTHCFG'              => 'directory, .htaccess',
        'RSRC_CONF | OR_AUTHCFG'  => 'server config, virtual host, directory, .htaccess',
    );
    my $code = read_file('src/conf/directives.c');
    die "NO_HTACCESS is something else now\n" if $code !~ /^#define NO_HTACCESS \(ACCESS_CONF\)$/m;
    my %found = $code =~ /AP_INIT_\w+\("(AuthNegotiate\w+)",[^;{]*?,\s*((?:[A-Z]+_[A-Z_]+)(?: \| [A-Z_]+)*),\s*"/g;
    my $count = () = $code =~ /AP_INIT_\w+\("AuthNegotiate/g;
    die "the table of directives is written differently now\n" if $count != keys %found;
    return map { $_ => $documented{ $found{$_} } || $found{$_} } keys %found;
}

sub of_directory { return grep { $directive{$_} =~ /directory/ } @names }
sub of_server    { return grep { $directive{$_} !~ /directory/ } @names }

sub members {
    my ($list) = read_file('src/conf/conf.h') =~ /#define NEG_CONF_MEMBERS\(X\)((?:.*\\\n)+.*)/;
    return grep { $_ ne 'required_realms' } $list =~ /X\([^,]+, (\w+)\)/g;    # of httpd's Require
}

sub granted_variables {
    my ($default) = read_file('src/conf/config.c') =~ /#define DEFAULT_DELEGATE_ENV "(\w+)"/;
    my @names = read_file('src/request/publish.c') =~ /^    \{"(\w+)", \w+\},$/mg;
    return sort $default, @names;
}
sub refused_variables {
    my @names = read_file("src/request/publish.c") =~ /apr_table_setn\(r->subprocess_env, "(\w+)"/g;
    return sort @names;
}

sub controls {
    my %found = map { $_ => 1 } map { read_file($_) =~ /apr_table_get\([^;]*subprocess_env, "([\w-]+)"\)/g } grep { /\.c$/ } sources();
    return sort keys %found;
}

sub sources {
    my @files = qw(mod_auth_negotiate.c mod_auth_negotiate.h);
    find({ no_chdir => 1, wanted => sub { push @files, substr $_, 1 + length $tree if /\.(?:c|h|pm|pl|t)$/ } },
        map { "$tree/$_" } qw(src t));
    return sort grep { basename($_) !~ /^\./ } @files;
}

sub others {
    return map { substr $_, 1 + length $tree }
      grep { -f } map { glob "$tree/$_" } qw(README LICENSE NOTICE CHANGES Makefile.in configure.ac tools/* docs/* conf/* t/conf/* t/TEST .ci/*);
}

sub including {
    my ($where, $is_bad) = @_;
    my @found;
    for my $file (grep { $_ =~ $where } sources()) {
        push @found, map { "$file: $_" } grep { $is_bad->() } read_file($file) =~ /^\s*#\s*include\s*[<"]([^>"]+)/mg;
    }
    return @found;
}

sub files_with {
    my ($pattern) = @_;
    return grep { m{^(?:src/|mod_)} && read_file($_) =~ $pattern } sources();
}

# --- what the documents have -------------------------------------------------

sub documents { return map { "docs/$_.md" } qw(THREATS delegation design directives modules performance proxies sessions variables) }

# Named where something is said and the request goes on, and nowhere else.
sub is_aside_alone {
    my ($code, $name) = @_;
    my @all   = $code =~ /NEG_CAUSE_$name\b/g;
    my @aside = $code =~ /neg_report_aside\(\s*\w+,\s*NEG_CAUSE_$name\b/g;
    return @all && @all == @aside;
}

sub section {
    my ($text, $title) = @_;
    return $text =~ /^## \Q$title\E\n(.*?)(?=^## |\z)/ms ? $1 : '';
}

sub table_of {
    my @names = section($variables, $_[0]) =~ /^\| `([\w-]+)` \|/mg;
    return sort @names;
}

sub directive_sections {
    my $text = read_file('docs/directives.md');
    return map { $_ => section($text, $_) } $text =~ /^## (Auth\w+)$/mg;
}

sub field { my ($name, $field) = @_; return $entry{$name} =~ /^- \*\*$field:\*\* (.*)$/m ? $1 : undef }
sub default_of { my ($name) = @_; return (field($name, 'Default') || '') =~ /^`$name (.*)`$/ ? $1 : undef }

# The documents may only speak of what there is; one policy of Chromium is named like ours.
sub unknown_directives {
    my ($file) = @_;
    return grep { !$directive{$_} && $_ ne "AuthNegotiateDelegateAllowlist" } read_file($file) =~ /\b(AuthNegotiate[A-Z]\w*)/g;
}

# --- configurations ----------------------------------------------------------

sub uncommented { return staged(read_file('conf/auth_negotiate.conf') =~ s/^#(?=\S|    )//mgr) }

sub configuration_lines {
    return uncommented() =~ /^ *(AuthNegotiate\w+) (.*?)$/mg;
}

# A document's paths, users and groups, as they are in this run.
sub staged {
    my ($text) = @_;
    my $group = httpd_user() ? (httpd_user())[1] : getgrgid $);
    $text =~ s{/etc/apache2/http\.keytab}{\@keytab\@}g;
    $text =~ s{/var/lib/apache2/ccaches}{\@stage\@/delegated}g;
    $text =~ s{/etc/apache2/session(-old)?\.key}{session_key()}eg;
    $text =~ s{group:webapp}{group:$group}g;
    return $text;
}

sub session_key {
    my $file = stage_dir() . '/session.key';
    open my $out, '>', $file or die "$file: $!\n";
    print $out encode_base64('k' x 32);
    close $out;
    chmod 0600, $file or die "$file: $!\n";
    return $file;
}

sub first_configuration {
    my ($text) = section(read_file('README'), 'A first configuration') =~ /^((?:    .*\n)+)/m;
    return staged($text);
}

sub fast_configuration {
    my ($text) = section(read_file('docs/performance.md'), 'What to set, and what it is worth') =~ /^((?:    .*\n)+)/m;
    return staged($text);
}

# The last indented lines of each directive's section.
sub examples {
    my %lines = map { $_ => [ $entry{$_} =~ /^(    $_ .*)$/mg ] } keys %entry;
    die "a directive has no example\n" if grep { !@{ $lines{$_} } } @names;
    my ($outside, $inside) = map { [ map { @{ $lines{$_} } } @$_ ] } [ of_server() ], [ of_directory() ];
    push @$inside, 'AuthNegotiateChannelBinding optional';    # a password cannot be bound
    return staged(join "\n", @$outside, '<Location "/x">', @$inside, '</Location>', '');
}

sub has_ntlm { return server(conf => "<Location /x>\nAuthNegotiateMechs ntlmssp\n</Location>\n")->check->{output} !~ /no such mechanism/ }

# Directive, outer value, inner value.
sub merging {
    my @table = (
        [ AuthNegotiateKeytab         => '@keytab@',                 '"FILE:/@keytab@"' ],
        [ AuthNegotiateAcceptor       => 'HTTP@localhost',           'any' ],
        [ AuthNegotiateMechs          => has_ntlm() ? 'krb5 ntlmssp' : 'krb5', 'krb5' ],
        [ AuthNegotiateRequireTLS     => 'On',                       'Off' ],
        [ AuthNegotiateBasicProvider  => 'kerberos file',            'off' ],
        [ AuthNegotiateBasicRealm     => 'OTHER.TEST EXAMPLE.COM',   'default' ],
        [ AuthNegotiateBasicEnterprise => 'On',                      'Off' ],
        [ AuthNegotiateChannelBinding => 'off',                      'optional' ],
        [ AuthNegotiatePersist        => 'On',                       'Off' ],
        [ AuthNegotiateOffer          => 'once',                     'always' ],
        [ AuthNegotiateUser           => 'strip EXAMPLE.TEST',       'principal' ],
        [ AuthNegotiateDelegate       => 'FILE:@stage@/delegated',   'FILE:@stage@/rcache' ],
        [ AuthNegotiateDelegatePerms  => 'mode:0640',                'mode:0600' ],
        [ AuthNegotiateDelegateEnv    => 'OUTER',                    'KRB5CCNAME' ],
        [ AuthNegotiateS4U2Proxy      => 'On HTTP@outer.test optional', 'Off' ],
        [ AuthNegotiateImpersonate    => 'On OUTER.TEST',            'Off' ],
        [ AuthNegotiateGroup          => 'Staff S-1-5-21-1-2-3-1001', 'Staff S-1-5-21-1-2-3-1002' ],
        [ AuthNegotiateAttribute      => 'TICKET auth-indicators',   'off' ],
        [ AuthNegotiateSession        => 'On',                       'Off' ],
        [ AuthNegotiateSessionTimeout => '60',                       '30min 10h' ],
        [ AuthNegotiateSessionCookie  => 'outer Path=/outer',        'default' ],
        [ AuthNegotiateProxyService   => 'HTTP optional',            'HTTP@localhost' ],
    );
    die "a directive is missing in this table\n" if join(' ', of_directory()) ne join ' ', sort map { $_->[0] } @table;
    my ($outer, $inner) = map { my $i = $_; join '', map { "$_->[0] $_->[$i]\n" } @table } 1, 2;
    return "<Location /outer>\nAuthType Negotiate\n$outer</Location>\n"
      . "<Location /outer/inherits>\nAuthType Negotiate\n</Location>\n"
      . "<Location /outer/overrides>\nAuthType Negotiate\n$inner</Location>\n";
}

# Each inner value beside the outer ones. Without S4U2Proxy nobody is impersonated.
sub each_alone {
    my $text = merging() =~ s/<Location \/outer\/inherits>.*//sr;
    my ($inner) = merging() =~ m{<Location /outer/overrides>\nAuthType Negotiate\n(.*)</Location>}s;
    my %with = (AuthNegotiateS4U2Proxy => "AuthNegotiateImpersonate Off\n");
    for my $line (split /^/, $inner) {
        my ($name) = split ' ', $line;
        my $base = $with{$name} || '';
        $text .= "<Location /outer/$name/base>\nAuthType Negotiate\n$base</Location>\n<Location /outer/$name/one>\nAuthType Negotiate\n$base$line</Location>\n";
    }
    return $text;
}

# What the dump says of a section, without the keys.
sub settings {
    my ($dump, $where) = @_;
    my ($lines) = $dump =~ m{^  \Q$where\E: .*\n((?:    .*\n)+)}m;
    return defined $lines ? $lines =~ s/^ {18}.*\n//mgr : "nothing of $where in:\n$dump";
}

sub section_lines { my ($conf, $where) = @_; return settings(server(conf => $conf)->dump('NEGOTIATE')->{output}, $where) }

# --- files -------------------------------------------------------------------

sub read_file {
    my ($name) = @_;
    open my $in, '<', "$tree/$name" or die "$name: $!\n";
    local $/;
    return scalar <$in>;
}

